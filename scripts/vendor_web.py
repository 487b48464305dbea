"""Refreshes src/burrowspace/web/vendor from npm: each package as one ES module, its licence, its hash.

`python scripts/vendor_web.py` makes the files anew in the versions below; `--check` says whether they are what
VENDORED.json says, without npm. What is exported stands in ENTRIES. Needs Node and npm; esbuild joins the files.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENDOR = ROOT / "src" / "burrowspace" / "web" / "vendor"
LIST = VENDOR / "VENDORED.json"
ESBUILD = "0.28.2"

# file -> (package, version, what it gives)
ENTRIES: dict[str, tuple[str, str, str]] = {
    "lit.js": (
        "lit",
        "3.3.3",
        """export * from 'lit';
export {cache} from 'lit/directives/cache.js';
export {classMap} from 'lit/directives/class-map.js';
export {guard} from 'lit/directives/guard.js';
export {ifDefined} from 'lit/directives/if-defined.js';
export {keyed} from 'lit/directives/keyed.js';
export {live} from 'lit/directives/live.js';
export {createRef, ref} from 'lit/directives/ref.js';
export {repeat} from 'lit/directives/repeat.js';
export {styleMap} from 'lit/directives/style-map.js';
export {until} from 'lit/directives/until.js';
export {when} from 'lit/directives/when.js';
""",
    ),
    "noble-ciphers.js": (
        "@noble/ciphers",
        "2.4.0",
        "export {gcm} from '@noble/ciphers/aes.js';\nexport {xchacha20poly1305} from '@noble/ciphers/chacha.js';\n",
    ),
    "noble-curves.js": ("@noble/curves", "2.4.0", "export {ed25519, x25519} from '@noble/curves/ed25519.js';\n"),
    "noble-hashes.js": (
        "@noble/hashes",
        "2.4.0",
        "export {hkdf} from '@noble/hashes/hkdf.js';\nexport {hmac} from '@noble/hashes/hmac.js';\n"
        "export {sha256} from '@noble/hashes/sha2.js';\n",
    ),
    "hash-wasm.js": ("hash-wasm", "4.13.0", "export {blake3, createBLAKE3} from 'hash-wasm';\n"),
    "uqr.js": ("uqr", "0.1.3", "export {encode} from 'uqr';\n"),
    "swagger-ui.js": (
        "swagger-ui-dist",
        "5.35.0",
        "export {default as SwaggerUI} from 'swagger-ui-dist/swagger-ui-es-bundle.js';\n",
    ),
}
# file -> (package, version, its file): taken as it is
COPIED: dict[str, tuple[str, str, str]] = {"swagger-ui.css": ("swagger-ui-dist", "5.35.0", "swagger-ui.css")}


def refresh() -> None:
    """Fetches, joins, writes. CalledProcessError: npm or esbuild said no."""
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm is needed to fetch the packages")
    rows = []
    with tempfile.TemporaryDirectory() as made:
        work = Path(made)
        (work / "package.json").write_text('{"private": true}')
        every = {**ENTRIES, **COPIED}
        wanted = sorted({f"{name}@{version}" for name, version, _ in every.values()})
        quiet = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"]
        subprocess.run([npm, "install", *quiet, *wanted, f"esbuild@{ESBUILD}"], cwd=work, check=True)
        VENDOR.joinpath("licences").mkdir(parents=True, exist_ok=True)
        for file, (name, version, gives) in every.items():
            package = work / "node_modules" / name
            said = json.loads((package / "package.json").read_text())
            licence = f"licences/{Path(file).stem}.txt"
            (VENDOR / licence).write_text(_licences(package))
            head = f"/*! {name} {version} | {said['license']} | {licence} | made by scripts/vendor_web.py */\n"
            (VENDOR / file).write_text(
                head + (_copied(package / gives) if file in COPIED else _joined(work, file, gives))
            )
            rows.append(
                {
                    "file": file,
                    "name": name,
                    "version": version,
                    "licence": said["license"],
                    "licence_file": licence,
                    "sha256": _hash(VENDOR / file),
                }
            )
    LIST.write_text(json.dumps(rows, indent=1) + "\n")


def _licences(package: Path) -> str:
    """Its own, and those of what it has in itself already."""
    inside = [package / "NOTICE", *sorted(package.glob("*-es-bundle.js.LICENSE.txt"))]
    return "\n".join(file.read_text() for file in (package / "LICENSE", *inside) if file.exists())


def _joined(work: Path, file: str, gives: str) -> str:
    """A package as one ES module."""
    (work / file).write_text(gives)
    how = ["--bundle", "--format=esm", "--minify", "--target=es2022", "--legal-comments=none"]
    if file == "swagger-ui.js":  # its texts have lines that look like imports; this puts each text on one line
        how.append("--supported:template-literal=false")
    join = [work / "node_modules/.bin/esbuild", file, *how, "--log-level=warning"]
    return subprocess.run(join, cwd=work, check=True, capture_output=True, text=True).stdout


def _copied(file: Path) -> str:
    """Without the last line, which names a map that is not here."""
    return file.read_text().partition("\n/*# sourceMappingURL")[0] + "\n"


def wrong() -> list[str]:
    """Sentences: what in the folder is not what the list says."""
    rows = json.loads(LIST.read_text())
    listed = {row["file"] for row in rows}
    here = sorted([*VENDOR.glob("*.js"), *VENDOR.glob("*.css")])
    found = [f"{path.name} is not in the list" for path in here if path.name not in listed]
    for row in rows:
        file = VENDOR / row["file"]
        if not file.exists() or _hash(file) != row["sha256"]:
            found.append(f"{row['file']} is not the file that was fetched")
        if not (VENDOR / row["licence_file"]).exists():
            found.append(f"the licence of {row['name']} is missing")
        if {**ENTRIES, **COPIED}.get(row["file"], ("", "", ""))[:2] != (row["name"], row["version"]):
            found.append(f"{row['file']} is of another version than this script wants")
    return found


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--check", action="store_true", help="only compare with VENDORED.json")
    if not options.parse_args().check:
        refresh()
    if problems := wrong():
        sys.exit("\n".join(problems))
