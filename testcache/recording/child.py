"""Recording inside a Python child process; imported by the start-up hook when `TESTCACHE_CHILD` is set.

The child observes itself like its parent does and streams everything to the spool as it happens,
because it may be killed at any time. Whatever goes wrong here must not break the child: it then simply
never reports, and its parent treats it as not observed.
"""

from __future__ import annotations

import os

from testcache.recording.processes import CHILD_VARIABLE


def start() -> None:
    """Begin recording this process into the spool that the environment names."""
    value = os.environ.get(CHILD_VARIABLE, "")
    folder, key, rootdir = value.split(os.pathsep, 2)
    if not os.path.isdir(folder):
        return
    # A grandchild reports under the same key: what it does counts for whoever started its parent.
    from testcache.inputs.distributions import Distributions
    from testcache.inputs.files import Files
    from testcache.inputs.roots import Roots
    from testcache.inputs.sources import Sources
    from testcache.inputs.variables import Variables
    from testcache.inputs.world import World
    from testcache.recording.observer import Observer, Watched
    from testcache.recording.processes import stream_to
    from testcache.recording.spool import Writer, read_context

    context = read_context(folder)
    files = Files()
    distributions = Distributions(files, rootdir)
    roots = Roots(rootdir, own=context.own, owned=lambda path: distributions.owner(path) is not None)
    variables = Variables(context.variables, roots, context.salt)
    world = World(roots, files, Sources(lambda _key: None), variables, distributions)
    observer = Observer(world, Watched(context.recorder, context.hosts, context.programs))
    stream_to(observer.tape, Writer(folder, key), observer.network)
    observer.start()


start()
