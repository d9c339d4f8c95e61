// The camera: opened when a person asks for it, closed when its place on the page is gone or out
// of sight. The scripts of the recorder and of the live prediction follow below this one.
let cameraWords = {} // by the names of `camera.py`, in the person's language

function setCameraWords(words) {
  cameraWords = words
}

function describeFailure(error) {
  return cameraWords[error.name] ?? cameraWords.failed.replace("{error}", error.message || error.name)
}

function describeMissingCamera() {
  // Browsers hand out the camera only where nobody on the way can listen in.
  if (navigator.mediaDevices?.getUserMedia) return ""
  if (window.isSecureContext) return cameraWords.none
  const here = "http://localhost" + (window.location.port ? ":" + window.location.port : "")
  return cameraWords.insecure.replace("{address}", window.location.origin).replace("{here}", here)
}

// A camera in a video element. `changed` is called whenever it is asked for, goes on or off, or fails.
function createCamera(video, changed) {
  const canvas = document.createElement("canvas")
  const camera = { on: false, asking: false, message: describeMissingCamera(), several: false }
  let stream = null, devices = [], asked = 0

  camera.start = async (deviceId) => {
    camera.message = describeMissingCamera()
    if (camera.message) return changed()
    camera.stop()
    const request = ++asked
    camera.asking = true
    changed()
    const size = { width: { ideal: 640 }, height: { ideal: 480 } }
    const which = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: { ideal: "environment" } }
    try {
      const opened = await navigator.mediaDevices.getUserMedia({ video: { ...size, ...which }, audio: false })
      if (request !== asked) return opened.getTracks().forEach((track) => track.stop()) // left meanwhile
      stream = opened
      stream.getVideoTracks()[0].addEventListener("ended", () => camera.stop())
      const { facingMode } = stream.getVideoTracks()[0].getSettings()
      video.classList.toggle("mirrored", facingMode !== "environment") // as people know mirrors
      video.srcObject = stream
      await video.play()
      if (request !== asked) return
      devices = (await navigator.mediaDevices.enumerateDevices()).filter((each) => each.kind === "videoinput")
      camera.several = devices.length > 1
      camera.on = true
      camera.asking = false
    } catch (error) {
      if (request !== asked) return
      camera.stop()
      camera.message = describeFailure(error)
    }
    changed()
  }

  camera.stop = () => {
    asked += 1
    camera.asking = false
    stream?.getTracks().forEach((track) => track.stop())
    stream = video.srcObject = null
    camera.on = false
    changed()
  }

  camera.next = () => {
    const current = stream?.getVideoTracks()[0].getSettings().deviceId
    const index = devices.findIndex((each) => each.deviceId === current)
    return camera.start(devices[(index + 1) % devices.length]?.deviceId)
  }

  // The central square of the picture, as shown, as a JPEG; null if there is no picture yet.
  camera.capture = (side, quality) => {
    const edge = Math.min(video.videoWidth, video.videoHeight)
    if (!camera.on || !edge) return Promise.resolve(null)
    canvas.width = canvas.height = Math.min(side, edge)
    const [left, top] = [(video.videoWidth - edge) / 2, (video.videoHeight - edge) / 2]
    canvas.getContext("2d").drawImage(video, left, top, edge, edge, 0, 0, canvas.width, canvas.height)
    return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality))
  }

  const seen = new IntersectionObserver(([entry]) => {
    if (!entry.isIntersecting && entry.boundingClientRect.width === 0) camera.stop() // folded away
  })
  seen.observe(video.parentElement)
  const hide = () => document.hidden && camera.stop()
  document.addEventListener("visibilitychange", hide)
  camera.close = () => {
    seen.disconnect()
    document.removeEventListener("visibilitychange", hide)
    camera.stop()
  }
  return camera
}

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes))
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value)
    else if (value === true) element.setAttribute(name, "")
    else if (value !== false && value != null) element.setAttribute(name, value)
  element.append(...children)
  return element
}

async function encode(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer())
  let text = ""
  for (let start = 0; start < bytes.length; start += 8192)
    text += String.fromCharCode(...bytes.subarray(start, start + 8192))
  return btoa(text)
}

// The picture of a camera with what turns it on and off.
function createViewer(changed) {
  const video = make("video", { muted: true, playsinline: true, "aria-label": cameraWords.sees })
  video.muted = true
  const message = make("p", { class: "message", role: "alert" })
  const start = make("button", { type: "button", class: "primary", onclick: () => camera.start() }, cameraWords.on)
  const other = make("button", { type: "button", onclick: () => camera.next() }, cameraWords.other)
  const stop = make("button", { type: "button", onclick: () => camera.stop() }, cameraWords.off)
  const off = make("div", { class: "off" }, message, start)
  const controls = make("div", { class: "controls" }, other, stop)
  const element = make("div", { class: "viewer" }, make("div", { class: "picture" }, video, off), controls)
  const camera = createCamera(video, () => {
    show()
    changed()
  })
  const show = () => {
    off.hidden = camera.on
    controls.hidden = !camera.on
    other.hidden = !camera.several
    if (message.textContent !== camera.message) message.textContent = camera.message
    message.hidden = !camera.message
    start.hidden = Boolean(describeMissingCamera())
    start.disabled = camera.asking
    start.textContent = camera.asking ? cameraWords.asking : cameraWords.on
  }
  show()
  return { element, camera }
}
