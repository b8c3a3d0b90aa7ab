"""A SLURM cluster of one node, started by these tests as root from Debian's slurm-wlm and munge."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

CONF = """
ClusterName=test
SlurmctldHost={host}
SlurmUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdParameters=config_overrides
MailProg=/bin/true
ReturnToService=2
KillWait=30
MaxJobCount={most}
MinJobAge=5
PreemptType=preempt/none
NodeName={host} CPUs=4 State=UNKNOWN
PartitionName=debug Nodes={host} Default=YES MaxTime=60 State=UP
"""


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """Path of the configuration of a cluster that runs."""
    if shutil.which("slurmctld") is None or shutil.which("munged") is None or os.geteuid():
        pytest.skip("needs root and Debian's slurm-wlm and munge")
    pytest.importorskip("submitit")
    if subprocess.run(["munge", "-n"], capture_output=True, check=False).returncode:
        Path("/run/munge").mkdir(exist_ok=True)
        shutil.chown("/run/munge", "munge", "munge")
        subprocess.run(["runuser", "-u", "munge", "--", shutil.which("munged")], check=True)
    folder = tmp_path_factory.mktemp("slurm")
    for name in ("state", "spool"):
        (folder / name).mkdir()
    conf = folder / "slurm.conf"
    host = socket.gethostname().split(".")[0]
    conf.write_text(CONF.format(host=host, folder=folder, ports=_free_ports(), most=20))
    before = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = str(conf)
    try:
        for program in ("slurmctld", "slurmd"):
            subprocess.run([program, "-f", str(conf)], check=True)
        deadline = time.monotonic() + 60
        while "idle" not in _said(["sinfo", "--noheader", "--format=%t"]):
            assert time.monotonic() < deadline, _said(["sinfo"])
            time.sleep(0.5)
        yield conf
    finally:
        _said(["scancel", "--me"])
        for program in ("slurmd", "slurmctld"):
            pid = folder / f"{program}.pid"
            if pid.exists():
                os.kill(int(pid.read_text()), 15)
        if before is None:
            del os.environ["SLURM_CONF"]
        else:
            os.environ["SLURM_CONF"] = before


def _free_ports() -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _said(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr
