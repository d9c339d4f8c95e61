// Keeps a text in the browser, so that a reload does not lose it.
export default function ({ data, setStateValue }) {
  try {
    if (data.text !== null) localStorage.setItem(data.name, data.text)
    else setStateValue("kept", localStorage.getItem(data.name) ?? "")
  } catch {
    // A browser that keeps nothing: the session does, until it ends.
    if (data.text === null) setStateValue("kept", "")
  }
}
