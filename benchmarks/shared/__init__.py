"""What several studies share: tables in READMEs, resumable results, lineages; and the pages that show all studies."""
