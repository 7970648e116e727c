"""A study file -> a frozen Study; every mistake is found before anything runs.

The file is TOML with the tables of ``tables`` (or a dict of the same shape), which are the source of the JSON schema
too. What needs the components (space, measures, settings) is resolved after them, in ``resolving``. What makes two
studies the same study is said in ``search.identity``.
"""

from search.study.definition import Objective as Objective
from search.study.definition import Study as Study
from search.study.reading import find as find
from search.study.reading import read as read
from search.study.reading import schema as schema
from search.study.reading import shipped as shipped
from search.study.resolving import resolve as resolve
from search.study.tables import DEVICE as DEVICE
from search.study.tables import InterestTable as InterestTable
from search.study.tables import MergeTable as MergeTable
from search.study.tables import PriorTable as PriorTable
from search.study.tables import StartTable as StartTable
from search.study.tables import StudyFile as StudyFile
