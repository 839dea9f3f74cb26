"""Lineage: the run directory, its individuals and their genomes."""

from edgesynth.config import Config, resolve
from edgesynth.lineage.board import THIS_MACHINE, board_of, changed_board, precision_on, with_board_facts
from edgesynth.lineage.individual.genome import Genome
from edgesynth.lineage.individual.individual import Individual, Record, individual_name
from edgesynth.lineage.individual.measurement import Figures, Known
from edgesynth.lineage.individual.pareto import fronts
from edgesynth.lineage.individual.size import weight_bits
from edgesynth.lineage.network.rebuild import Species, fitting_anatomy, set_state, species, state, state_sha256
from edgesynth.lineage.processor import with_vector_floats
from edgesynth.lineage.run_directory.ancestor_key import ancestor_key, differing, has_same_ancestor
from edgesynth.lineage.run_directory.data import relocated, task_of
from edgesynth.lineage.run_directory.derived import resumed
from edgesynth.lineage.run_directory.places import default_path, milder_run, parse_individual
from edgesynth.lineage.run_directory.predictions import Predictions
from edgesynth.lineage.run_directory.run import ANCESTOR, GIVEN, OtherOptionsError, Run, is_taken
from edgesynth.lineage.seeds import generator
from edgesynth.lineage.storage.lock import alone_in, check_unheld
from edgesynth.lineage.storage.reading import DamagedError

__all__ = [
    "ANCESTOR",
    "GIVEN",
    "THIS_MACHINE",
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
    "with_vector_floats",
]
