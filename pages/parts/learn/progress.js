// Keeps the lesson's progress in the browser, so that a reload does not lose it.
const PLACE = "transfer-lab-lesson"

export default function ({ data, setStateValue }) {
  try {
    if (data.progress !== null) localStorage.setItem(PLACE, data.progress)
    else setStateValue("kept", localStorage.getItem(PLACE) ?? "")
  } catch {
    // A browser that keeps nothing: the session does, until it ends.
  }
}
