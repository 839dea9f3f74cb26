"""Lineage: the run directory, its individuals and their genomes."""

from edgesynth.config import Config, resolve
from edgesynth.lineage.ancestor_key import ancestor_key, differing, has_same_ancestor
from edgesynth.lineage.board import board_of, changed_board, precision_on, with_board_facts
from edgesynth.lineage.data import relocated, task_of
from edgesynth.lineage.derived import resumed
from edgesynth.lineage.genome import Genome
from edgesynth.lineage.individual import Individual, Record, individual_name
from edgesynth.lineage.measurement import Figures, Known
from edgesynth.lineage.pareto import fronts
from edgesynth.lineage.places import default_path, milder_run, parse_individual
from edgesynth.lineage.predictions import Predictions
from edgesynth.lineage.rebuild import Species, fitting_anatomy, set_state, species, state, state_sha256
from edgesynth.lineage.run import ANCESTOR, GIVEN, OtherOptionsError, Run, is_taken
from edgesynth.lineage.seeds import generator
from edgesynth.lineage.size import weight_bits
from edgesynth.lineage.storage.lock import alone_in, check_unheld
from edgesynth.lineage.storage.reading import DamagedError

__all__ = [
    "ANCESTOR",
    "GIVEN",
    "Config",
    "DamagedError",
    "Figures",
    "Genome",
    "Individual",
    "Known",
    "OtherOptionsError",
    "Predictions",
    "Record",
    "Run",
    "Species",
    "alone_in",
    "ancestor_key",
    "board_of",
    "changed_board",
    "check_unheld",
    "default_path",
    "differing",
    "fitting_anatomy",
    "fronts",
    "generator",
    "has_same_ancestor",
    "individual_name",
    "is_taken",
    "milder_run",
    "parse_individual",
    "precision_on",
    "relocated",
    "resolve",
    "resumed",
    "set_state",
    "species",
    "state",
    "state_sha256",
    "task_of",
    "weight_bits",
    "with_board_facts",
]
