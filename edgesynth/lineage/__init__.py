"""Lineage: the run directory, its individuals and their genomes."""

from edgesynth.config import Config, resolve
from edgesynth.lineage.ancestral import ancestral, has_same_ancestor
from edgesynth.lineage.board import board_of, precision_on
from edgesynth.lineage.figures import Figures, Known
from edgesynth.lineage.front import fronts
from edgesynth.lineage.genome import Genome
from edgesynth.lineage.individual import Individual, Record, individual_name
from edgesynth.lineage.predictions import Predictions
from edgesynth.lineage.rebuild import Species, fitting_anatomy, set_state, species, state
from edgesynth.lineage.run import Run, default_path, is_taken, milder_run, parse_individual
from edgesynth.lineage.seeds import generator
from edgesynth.lineage.size import weight_bits

__all__ = [
    "Config",
    "Figures",
    "Genome",
    "Individual",
    "Known",
    "Predictions",
    "Record",
    "Run",
    "Species",
    "ancestral",
    "board_of",
    "default_path",
    "fitting_anatomy",
    "fronts",
    "generator",
    "has_same_ancestor",
    "individual_name",
    "is_taken",
    "milder_run",
    "parse_individual",
    "precision_on",
    "resolve",
    "set_state",
    "species",
    "state",
    "weight_bits",
]
