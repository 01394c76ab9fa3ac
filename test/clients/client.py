"""A client that was made from the published .proto files alone. Prints what it saw as JSON."""

import json
import sys
import threading

import grpc
from google.rpc import error_details_pb2, status_pb2

from envcli.v1 import common_pb2, environments_pb2 as env, environments_pb2_grpc, sessions_pb2, sessions_pb2_grpc

channel = grpc.insecure_channel(sys.argv[1])
environments = environments_pb2_grpc.EnvironmentsStub(channel)
sessions = sessions_pb2_grpc.SessionsStub(channel)
seen = {}


def setting(name, **values):
    variables = [env.VariableUpdate(name=key, value=value) for key, value in values.items()]
    return env.Operation(environment=name, set=env.SetOperation(variables=variables, create_if_absent=True))


# A write in a session, sent twice: it happens once.
session_id = b"0123456789abcdef"
sessions.Open(sessions_pb2.SessionsOpenRequest(session_id=session_id))
write = env.WriteRequest(
    operations=[setting("py/a", A="1", UMLAUT="ä")],
    session=env.SessionWrite(session_id=session_id, sequence=1, first_incomplete=1),
)
first = environments.Write(write)
again = environments.Write(write)
seen["written_once"] = [first.revision == again.revision, first.replayed, again.replayed]

# A read that must see it.
options = common_pb2.ReadOptions(consistency=common_pb2.CONSISTENCY_READ_YOUR_WRITES, token=first.header.token)
answer = environments.Get(env.GetRequest(name="py/a", options=options))
seen["variables"] = {variable.name: variable.value for variable in answer.environment.variables}

# A pipeline of reads and writes.
calls = [env.PipelineCall(id=at, write=env.WriteRequest(operations=[setting(f"py/{at}", A=str(at))])) for at in range(1, 11)]
results = {}
for message in environments.Pipeline(iter([env.PipelineRequest(calls=calls)])):
    results.update({result.id: result.WhichOneof("result") for result in message.results})
seen["pipeline"] = sorted(results.items())

# A watch from the first revision, until it has seen the last.
stop = threading.Event()


def requests():
    yield env.WatchRequest(watch_id=1, start=env.WatchStart(prefix="py/", start_revision=1))
    stop.wait(20)


watched = []
for message in environments.Watch(requests()):
    watched += [change.environment for change in message.changes.changes]
    if len(watched) >= 11:
        stop.set()
        break
seen["watched"] = sorted(watched)

# An error with its details.
try:
    environments.Get(env.GetRequest(name="NO NAME"))
except grpc.RpcError as error:
    trailers = {key: value for key, value in error.trailing_metadata()}
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    status.details[0].Unpack(info)
    status.details[1].Unpack(bad)
    seen["error"] = [error.code().name, info.reason, info.domain, bad.field_violations[0].field]

print(json.dumps(seen))
