"""Scripts of components that the browser fetches once, instead of once with every message.

Streamlit sends a component's script with each of its messages, so a drawing that changes every
second would mostly send its script. The scripts here lie in a folder that is served instead.
"""

import json
from hashlib import sha256
from pathlib import Path

import streamlit as st
import streamlit.components.v1 as served

FOLDER = Path(__file__).parent / "scripts"
# A component declared with a folder is what serves its files under any base path.
_SCRIPTS = served.declare_component("transfer_lab_scripts", path=str(FOLDER))
_LOADER = """
const addresses = ADDRESSES
const loaded = (window.transferLabScripts ??= new Map())

async function fetchPart(address) {
  const answer = await fetch(new URL(address, window.location.origin), { cache: "force-cache" })
  return answer.ok ? answer.text() : Promise.reject(new Error(answer.status))
}

function load() {
  const key = addresses.join()
  if (!loaded.has(key)) {
    const script = Promise.all(addresses.map(fetchPart))
      .then((parts) => import(URL.createObjectURL(new Blob(parts, { type: "text/javascript" }))))
    loaded.set(key, script)
    script.catch(() => loaded.delete(key)) // the next update tries again
  }
  return loaded.get(key)
}

export default async (given) => (await load()).default(given)
"""


def make_loader(*names: str) -> str:
    """A component's script that fetches files of the folder, joins and runs them.

    Args:
        names: The files, in the order in which they are joined to one module; the last one has
            the default export that Streamlit calls.
    """
    addresses = [build_file_url(_SCRIPTS.name, name, _compute_version(name)) for name in names]
    return _LOADER.replace("ADDRESSES", json.dumps(addresses))


def build_file_url(component: str, name: str, version: str) -> str:
    """Path on this server of a file in the folder of a component.

    Args:
        component: The name that Streamlit gave it.
        name: Of the file.
        version: Keeps a cached older file from use.
    """
    base = st.get_option("server.baseUrlPath").strip("/")
    path = f"component/{component}/{name}?version={version}"
    return f"/{base}/{path}" if base else f"/{path}"


def _compute_version(name: str) -> str:
    return sha256((FOLDER / name).read_bytes()).hexdigest()[:12]
