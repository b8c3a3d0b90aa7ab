"""Runs as TensorBoard folders: scalars, parameters for its HParams page, the note as text."""

import json
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.plugins.hparams.metadata import PLUGIN_DATA_VERSION, PLUGIN_NAME, SESSION_START_INFO_TAG
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionStartInfo
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from store.exporters.outgoing import Exported, Outgoing, file_name


class Writer:
    """Writes runs below a folder, each into one of its own; TensorBoard keeps values as 32-bit numbers."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def write(self, run: Outgoing, done: Exported) -> None:
        """Write a run, unless its file is there already."""
        suffix = f".{run.run_id}"
        if any(self._target.glob(f"*/*tfevents*{suffix}")):
            done.same.append(run.run_id)
            return
        folder = self._target / file_name(run.name, run.run_id)
        if folder.exists():  # another run has the name
            folder = self._target / f"{folder.name} {run.run_id}"
            done.note(run.run_id, f"is called {folder.name}: there is another run {run.name!r}")
        writer = EventFileWriter(str(folder), filename_suffix=suffix)
        writer.add_event(Event(wall_time=run.started, summary=_hparams(run)))
        if run.note:
            writer.add_event(Event(wall_time=run.started, summary=_text("note", run.note)))
        for at, step, values in run.calls:
            found = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
            writer.add_event(Event(wall_time=at, step=step, summary=Summary(value=found)))
        writer.close()
        done.new.append(run.run_id)


def _hparams(run: Outgoing) -> Summary:
    """The parameters as TensorBoard's HParams page reads them: numbers, truth values and texts."""
    session = SessionStartInfo(start_time_secs=run.started, group_name=run.run_id)
    for name, value in run.params.items():
        if isinstance(value, bool):
            session.hparams[name].bool_value = value
        elif isinstance(value, int | float):
            session.hparams[name].number_value = value
        elif value is not None:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            session.hparams[name].string_value = text
    content = HParamsPluginData(session_start_info=session, version=PLUGIN_DATA_VERSION).SerializeToString()
    plugin = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=PLUGIN_NAME, content=content))
    return Summary(value=[Summary.Value(tag=SESSION_START_INFO_TAG, metadata=plugin)])


def _text(tag: str, text: str) -> Summary:
    """A value of TensorBoard's text page."""
    plugin = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
    tensor = TensorProto(dtype=DT_STRING, string_val=[text.encode()], tensor_shape=shape)
    return Summary(value=[Summary.Value(tag=f"{tag}/text_summary", metadata=plugin, tensor=tensor)])
