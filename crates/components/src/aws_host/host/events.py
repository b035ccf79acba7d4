"""Writes lines as requests to a log group: events.py plain|journal GROUP STREAM FOLDER, lines on standard input."""
import json
import pathlib
import sys
import time

# What AWS takes in a request, with room to spare: bytes, events, milliseconds from the first to the last.
LARGEST, MOST, LONGEST, OVERHEAD = 1_000_000, 10_000, 23 * 3600 * 1000, 26
kind, group, stream, folder = sys.argv[1:]


def events():
    now = int(time.time() * 1000)
    for line in sys.stdin.buffer:
        if kind == "plain":
            yield now, line.decode(errors="replace").rstrip()
            continue
        entry = json.loads(line)
        text = entry.get("MESSAGE")
        # What is no UTF-8 is a list of bytes.
        text = bytes(text).decode(errors="replace") if isinstance(text, list) else str(text)
        yield int(entry["__REALTIME_TIMESTAMP"]) // 1000, text


def pieces(text):
    data = text.encode() or b" "
    for start in range(0, len(data), 200_000):
        yield data[start : start + 200_000].decode(errors="replace")


def write(batch):
    batch.sort(key=lambda event: event["timestamp"])
    body = {"logGroupName": group, "logStreamName": stream, "logEvents": batch}
    number = len(list(pathlib.Path(folder).glob("*.json")))
    pathlib.Path(folder, f"{number:06}.json").write_text(json.dumps(body))


batch, size = [], 0
for moment, text in events():
    for piece in pieces(text):
        bytes_of_piece = len(piece.encode()) + OVERHEAD
        span = abs(moment - batch[0]["timestamp"]) if batch else 0
        if batch and (size + bytes_of_piece > LARGEST or len(batch) == MOST or span > LONGEST):
            write(batch)
            batch, size = [], 0
        batch.append({"timestamp": moment, "message": piece})
        size += bytes_of_piece
if batch:
    write(batch)
