"""Lists the wheels of a lock in pylock format (standard input): package, SHA-256, file name; no addresses."""

import sys
import tomllib

print("# make lock: the wheels of dicom.txt on ARM64 Linux with the image's Python.")
for package in tomllib.load(sys.stdin.buffer)["packages"]:
    for wheel in package["wheels"]:
        name = wheel.get("name") or wheel["url"].rsplit("/", 1)[1]
        print(f"{package['name']}=={package['version']} {wheel['hashes']['sha256']} {name}")
