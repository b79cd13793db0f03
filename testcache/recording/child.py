"""Recording inside a Python child process; imported by the start-up hook when `TESTCACHE_CHILD` is set.

The child observes itself like its parent does and streams everything to the spool as it happens. A
child that cannot begin simply never reports, and its parent treats it as not observed.
"""

from __future__ import annotations

import os

from testcache.inputs.distributions import Distributions
from testcache.inputs.files import Files
from testcache.inputs.roots import Roots
from testcache.inputs.sources import Sources
from testcache.inputs.variables import InheritedVariables
from testcache.inputs.world import World
from testcache.model import Digest
from testcache.recording.observer import Observer, Watched
from testcache.recording.processes import CHILD_VARIABLE
from testcache.recording.spool import Writer, orders


def start() -> None:
    """Begin recording this process into the spool that the environment names."""
    folder, _, key = os.environ.pop(CHILD_VARIABLE).rpartition(os.pathsep)
    if not os.path.isdir(folder):
        return
    told = orders(folder)
    files = Files()
    distributions = Distributions(files, told.rootdir)
    roots = Roots(
        told.rootdir,
        own=told.own,
        owned=lambda path: distributions.owner(path) is not None,
        home=told.home,
        temporary=told.temporary,
    )
    inherited = {name: Digest(bytes.fromhex(value)) for name, value in told.variables.items()}
    variables = InheritedVariables(os.environ, roots, bytes.fromhex(told.salt), inherited)
    world = World(roots, files, Sources(lambda _key: None), variables, distributions)
    observer = Observer(world, Watched(told.recorder, told.hosts, tuple(told.programs)), spool=(folder, key))
    writer = Writer(folder, key)
    observer.start()
    observer.processes.stream(writer)
    writer.write("start", os.getpid())


start()
