"""Reads an export with pyarrow and prints, as JSON: rows, sums of packets and octets, the first and last start in microseconds,
labels with their counts, and every text of one column."""

import json
import sys

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

path, text_column = sys.argv[1:]
TYPES = {"network.packets": pa.int64(), "network.bytes": pa.int64(), "event.start": pa.timestamp("us", "UTC")}


def nested(column):
    parts = column.split(".")
    array = lines[parts[0]].combine_chunks()
    for part in parts[1:]:
        array = pc.struct_field(array, part)
    return array


if path.endswith(".parquet"):
    table = pyarrow.parquet.read_table(path)
    column = table.__getitem__
elif path.endswith(".csv"):
    strings = {name: pa.string() for name in ("flowsentry.label", text_column)}
    table = pyarrow.csv.read_csv(
        path,
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(column_types=TYPES | strings),
    )
    column = table.__getitem__
else:
    # Whole documents are longer than a block where a text is.
    table = lines = pyarrow.json.read_json(path, read_options=pyarrow.json.ReadOptions(block_size=64 << 20))
    column = nested

start = column("event.start")
if not pa.types.is_timestamp(start.type):
    start = pc.strptime(pc.replace_substring_regex(start, r"\.\d+Z$", ""), "%Y-%m-%dT%H:%M:%S", "us")
seconds = pc.divide(start.cast(pa.int64()), 1_000_000)
labels = {row["values"]: row["counts"] for row in pc.value_counts(column("flowsentry.label")).to_pylist()}
print(
    json.dumps(
        {
            "rows": table.num_rows,
            "packets": pc.sum(column("network.packets")).as_py(),
            "octets": pc.sum(column("network.bytes")).as_py(),
            "first": pc.min(seconds).as_py(),
            "last": pc.max(seconds).as_py(),
            "labels": labels,
            "texts": sorted(text for text in column(text_column).to_pylist() if text),
        }
    )
)
