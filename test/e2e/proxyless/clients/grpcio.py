# A client of gRPC without a proxy, by Python's grpcio. How it is told what to do: ../client.ts.
import json
import sys
import threading

import grpc
from grpc import experimental

credentials = grpc.xds_channel_credentials(experimental.insecure_channel_credentials())
channel = grpc.secure_channel(sys.argv[1], credentials)
name = channel.unary_unary('/demo.Who/Name')
printing = threading.Lock()


def call(headers):
    try:
        return {'answer': name(b'', metadata=headers, timeout=10).decode()}
    except grpc.RpcError as error:
        return {'error': error.code().value[0], 'message': error.details()}


def say(line):
    with printing:
        print(json.dumps(line), flush=True)


going = threading.Event()


def go():
    while going.is_set():
        say(call([]))
    say({'stopped': True})


def burst(count, headers):
    tally = {}
    for _ in range(count):
        answer = call(headers)
        who = answer.get('answer', 'error %s' % answer.get('error'))
        tally[who] = tally.get(who, 0) + 1
    say({'tally': tally})


for line in sys.stdin:
    command, *rest = line.split()
    if command == 'start':
        going.set()
        threading.Thread(target=go, daemon=True).start()
    elif command == 'stop':
        going.clear()
    elif command == 'burst':
        burst(int(rest[0]), [tuple(header.split('=')) for header in rest[1:]])
