"""Starts a Tornado program so that it listens on one address only.

    launch.py ADDRESS PROGRAM [ARGUMENT...]

PROGRAM is the name of a console script of this Python environment. Many programs built on Tornado
listen on every address of the machine and have no setting for it. Here Tornado gets the address,
whatever the program asks for, and every other attempt to listen on all addresses is refused.
"""

import importlib.metadata
import socket
import sys


def listen_only_on(address):
    """Makes Tornado listen on one address, and nothing else on all of them."""
    from tornado import netutil, tcpserver

    bind_sockets = netutil.bind_sockets
    if getattr(tcpserver, "bind_sockets", None) is not bind_sockets:
        # Better not to start than to listen everywhere.
        sys.exit("launch.py: this version of Tornado opens its sockets in another way")

    def bind_to_address(port, *args, **kwargs):
        kwargs.pop("address", None)
        return bind_sockets(port, address, *args[1:], **kwargs)

    netutil.bind_sockets = tcpserver.bind_sockets = bind_to_address

    bind = socket.socket.bind

    def bind_but_not_to_all(self, target):
        everywhere = self.family in (socket.AF_INET, socket.AF_INET6) and target[0] in ("", "0.0.0.0", "::")
        if everywhere and target[0] != address and self.type == socket.SOCK_STREAM and target[1] != 0:
            raise PermissionError("listening on all addresses is refused; use " + address)
        return bind(self, target)

    socket.socket.bind = bind_but_not_to_all


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    _, address, program, *arguments = sys.argv
    scripts = importlib.metadata.entry_points(group="console_scripts", name=program)
    if not scripts:
        sys.exit("launch.py: there is no program " + program + " in " + sys.prefix)
    listen_only_on(address)
    sys.argv = [program, *arguments]
    sys.exit(next(iter(scripts)).load()())


main()
