"""Removes a folder that a play left: nested deeper than a path can say, or with permissions taken away.

Works on descriptors and never follows a link. A nested folder's own folders are moved up before it is removed, so that
neither depth nor the number of open files grows.
"""

import os
import stat
import sys


def remove_tree(path: str) -> None:
    parent = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY | os.O_DIRECTORY)
    top = os.path.basename(path)
    root = _open(top, parent)
    counter = 0
    waiting = True
    while waiting:
        waiting = False
        with os.scandir(root) as entries:
            names = [entry.name for entry in entries]
        for name in names:
            if not _is_folder(name, root):
                os.unlink(name, dir_fd=root)
                continue
            counter += 1
            waiting = True
            _lift_children(name, root, counter)
            os.rmdir(name, dir_fd=root)
    os.close(root)
    os.rmdir(top, dir_fd=parent)
    os.close(parent)


def _open(name: str, parent: int) -> int:
    try:
        os.chmod(name, 0o700, dir_fd=parent)
    except OSError:
        pass
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)


def _is_folder(name: str, parent: int) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)


def _lift_children(name: str, root: int, number: int) -> None:
    folder = _open(name, root)
    with os.scandir(folder) as entries:
        children = [entry.name for entry in entries]
    for place, child in enumerate(children):
        if _is_folder(child, folder):
            try:
                os.chmod(child, 0o700, dir_fd=folder)  # moving a folder changes its `..`
            except OSError:
                pass
            os.rename(child, f"lifted-{number}-{place}", src_dir_fd=folder, dst_dir_fd=root)
        else:
            os.unlink(child, dir_fd=folder)
    os.close(folder)


if __name__ == "__main__":
    remove_tree(sys.argv[1])
