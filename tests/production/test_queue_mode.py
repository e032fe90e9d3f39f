"""n8n in queue mode, with the package that its image carries, on the stack of docker-compose.yml."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import example
import n8n
import npm
import psycopg2
import pytest
from rest import Rest
from stack import Stack

from tests.house.processes import Process, free_port
from tests.production import dockerfile
from tests.production.composefile import service
from tests.production.conftest import Contained
from tests.production.containers import Container, placed
