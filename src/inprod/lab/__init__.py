"""The learner's folder, and JupyterLab on it."""

from inprod.lab.hosted import settle
from inprod.lab.launch import launch
from inprod.lab.prepare import Prepared, prepare

__all__ = ["Prepared", "launch", "prepare", "settle"]
