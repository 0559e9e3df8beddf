#!/usr/bin/env python3
"""Verifies an export of Callgate's record, or the proof of one call, with nothing but Python's own library: docs/proof.md.

    python3 verify_record.py EXPORT-OR-PROOF KEY...        KEY: name+id+key, as `callgate audit key` prints it
"""
import base64, hashlib, json, re, sys

sha256 = lambda b: hashlib.sha256(b).digest()
leaf_hash = lambda entry: sha256(b"\0" + entry.encode("latin-1"))
node_hash = lambda left, right: sha256(b"\1" + left + right)

# Ed25519 (RFC 8032, section 6): points as (x, y) in extended coordinates.
p, q = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
d, i = -121665 * pow(121666, -1, p) % p, pow(2, (p - 1) // 4, p)
def add(P, Q):
    A, B, C, D = (P[1]-P[0])*(Q[1]-Q[0]), (P[1]+P[0])*(Q[1]+Q[0]), 2*P[3]*Q[3]*d, 2*P[2]*Q[2]
    E, F, G, H = B-A, D-C, D+C, B+A
    return E*F % p, G*H % p, F*G % p, E*H % p
def mul(s, P):
    Q = (0, 1, 1, 0)
    while s: Q, P, s = (add(Q, P) if s & 1 else Q), add(P, P), s >> 1
    return Q
def point(b):
    y, sign = int.from_bytes(b, "little") & (2**255 - 1), b[31] >> 7
    x2 = (y*y-1) * pow(d*y*y+1, -1, p) % p
    x = pow(x2, (p + 3) // 8, p)
    x = x if (x*x - x2) % p == 0 else x * i % p
    if y >= p or (x*x - x2) % p or (x == 0 and sign): raise ValueError("no point of the curve")
    x = x if x & 1 == sign else p - x
    return x, y, 1, x*y % p
base = point((4 * pow(5, -1, p) % p).to_bytes(32, "little"))
def ed25519(key, text, signature):
    s, h = int.from_bytes(signature[32:], "little"), int.from_bytes(hashlib.sha512(signature[:32] + key + text).digest(), "little") % q
    P, Q = mul(s, base), add(point(signature[:32]), mul(h, point(key)))
    return len(signature) == 64 and s < q and (P[0]*Q[2] - Q[0]*P[2]) % p == 0 and (P[1]*Q[2] - Q[1]*P[2]) % p == 0

class Wrong(Exception): pass
def need(good, why):
    if not good: raise Wrong(why)

def read_key(text):
    name, id, key = text.split("+", 2)
    raw = base64.b64decode(key, validate=True)
    need(raw[0] == 1 and len(raw) == 33 and sha256(f"{name}\n".encode() + raw)[:4].hex() == id, f"the key {name}+{id} is none")
    return (name, bytes.fromhex(id)), raw[1:]

def open_checkpoint(note, keys):
    text, signatures = note[:note.rindex("\n\n") + 1], note[note.rindex("\n\n") + 2:]
    origin, size, root = text.split("\n")[:3]
    lines = [line.split(" ") for line in signatures.splitlines()]
    known = [(keys[name, raw[:4]], raw[4:]) for _, name, b64 in lines for raw in [base64.b64decode(b64)] if name == origin and (name, raw[:4]) in keys]
    need(known, "a checkpoint is signed by no key that is trusted")
    need(all(ed25519(key, text.encode(), signature) for key, signature in known), "a checkpoint was changed after it was signed")
    return int(size), base64.b64decode(root)

def event_of(record):
    return record["event"].encode() if "event" in record else base64.b64decode(record["bytes"])

def check_event(record, where):
    kind, position, item, subject, digest = record["entry"].split(" ")
    need(kind == "event" and ("event" in record or "bytes" in record), f"{where}: the event is missing")
    need(hashlib.sha256(event_of(record)).hexdigest() == digest, f"{where}: the event at position {position}, item {item} was changed")
    return int(position), int(item)

def verify_export(lines, keys):
    edge, size, signed, place, named, events = [], 0, -1, (0, 0), [], 0
    for record in map(json.loads, lines):
        if "checkpoint" in record:
            total, root = open_checkpoint(record["checkpoint"], keys)
            mine = edge[-1][1] if edge else sha256(b"")
            for _, left in reversed(edge[:-1]): mine = node_hash(left, mine)
            need((total, root) == (size, mine), f"record {max(signed, 0)} or later: a checkpoint over {total} records signs others than the {size} that are here")
            signed, keys, named = size, {**keys, **dict(named)}, []
            continue
        where, entry = f"record {size}", record["entry"].split(" ")
        need(record["index"] == size, f"{where}: record {record['index']} stands here")
        if entry[0] == "event":
            here, events = check_event(record, where), events + 1
            need(here in [(place[0], place[1] + 1), (place[0] + 1, 0)], f"{where}: position {here} follows {place}")
            place = here
        if entry[0] == "stream": place, stream = (place if size and entry[1:] == stream else (0, 0)), entry[1:]
        if entry[0] == "missing": place = (int(entry[2]), 0)
        if entry[0] == "key": named.append(read_key(entry[1]))
        height, root, size = 0, leaf_hash(record["entry"]), size + 1
        while edge and edge[-1][0] == height: height, root = height + 1, node_hash(edge.pop()[1], root)
        edge.append((height, root))
    need(signed == size, f"record {max(signed, 0)}: the end is signed by no checkpoint")
    return f"{size} records, {events} events, root {base64.b64encode(root).decode()}"

def verify_proof(proof, keys):
    size, root = open_checkpoint(proof["checkpoint"], keys)
    for record in proof["events"]:
        check_event(record, f"record {record['index']}")
        need(json.loads(event_of(record))["subject"] == proof["call"], f"record {record['index']}: an event of another call")
        node, last, mine = record["index"], size - 1, leaf_hash(record["entry"])
        for sibling in map(base64.b64decode, record["proof"]):  # RFC 9162, section 2.1.3.2
            need(last > 0, "a proof is too long")
            if node % 2 or node == last:
                mine = node_hash(sibling, mine)
                while node % 2 == 0 and node: node, last = node >> 1, last >> 1
            else: mine = node_hash(mine, sibling)
            node, last = node >> 1, last >> 1
        need(last == 0 and mine == root, f"record {record['index']}: it is not in the tree of the checkpoint")
    return f"{len(proof['events'])} events of call {proof['call']}, in a record of {size}"

if len(sys.argv) < 3: sys.exit(f"found {len(sys.argv) - 1} arguments, expected: python3 verify_record.py EXPORT-OR-PROOF KEY...")
try:
    with open(sys.argv[1], encoding="utf-8") as file:
        head, keys = json.loads(next(file)), dict(map(read_key, sys.argv[2:]))
        need(head.get("callgate") in ("record-export", "call-proof"), "this is neither an export nor a proof")
        print("verified:", verify_proof(head, keys) if head["callgate"] == "call-proof" else verify_export(file, keys))
except (Wrong, ValueError, KeyError, IndexError, TypeError) as wrong:
    sys.exit(f"WRONG: {wrong}")
except OSError as fault: sys.exit(f"{sys.argv[1]} cannot be read: {fault.strerror}")
