"""The learner's folder, and JupyterLab on it."""

from inprod.lab.hosted import settle
from inprod.lab.launch import launch
from inprod.lab.offline import without_network
from inprod.lab.prepare import Prepared, prepare

__all__ = ["Prepared", "launch", "prepare", "settle", "without_network"]
