// What the network says of the camera's picture, as fast as the server answers. One message is
// under way at a time: the next one follows the answer to the last. Streamlit keeps only the newest
// of the messages that wait for a page that is busy, so a photo is sent until the server has it.
const ANSWER_MS = 4000 // without an answer a photo is sent again, or the next picture
const MIN_INTERVAL_MS = 80 // at most about twelve pictures a second
const SPEED_WINDOW_MS = 3000 // over which pictures a second are counted
const QUALITY = 0.85 // of the JPEG
const TOLD_AFTER_MS = 1000 // that a class must lead before a screen reader hears of it
const PHOTO = { side: 640, quality: 0.92 }

function createBars() {
  const list = make("div", { class: "bars" })
  const rows = new Map()
  const createRow = (name) => {
    const share = make("span", { class: "share" }), fill = make("div", { class: "fill" })
    const row = make("div", { class: "bar", role: "meter", "aria-valuemin": 0, "aria-valuemax": 100 },
      make("span", { class: "name" }, name), share, make("div", { class: "track" }, fill))
    row.setAttribute("aria-label", name)
    rows.set(name, { row, share, fill })
    return rows.get(name)
  }
  // Shares by class, in the order in which they are drawn.
  list.show = (shares) => {
    const likely = shares.reduce((best, each) => (each[1] > best[1] ? each : best))[0]
    const elements = shares.map(([name, value]) => {
      const { row, share, fill } = rows.get(name) ?? createRow(name)
      share.textContent = Math.round(100 * value) + " %"
      fill.style.width = 100 * value + "%"
      row.classList.toggle("likely", name === likely)
      row.setAttribute("aria-valuenow", Math.round(100 * value))
      return row
    })
    if (elements.some((each, index) => list.children[index] !== each) || list.children.length !== elements.length)
      list.replaceChildren(...elements)
    return likely
  }
  return list
}

function createLive(root, words) {
  const bars = createBars()
  const speed = make("p", { class: "speed" }), told = make("div", { class: "unseen", "aria-live": "polite" })
  const viewer = createViewer(() => changed())
  const photo = make("button", { type: "button", onclick: () => takePhoto() }, words.take)
  const live = { camera: viewer.camera, send: null, side: 224 }
  const photos = [] // taken, and as far as is known not with the server
  let seq = Date.now() // answers to an earlier visit of the page never fit
  let waiting = null, timer = null, answers = [], leader = { name: "", since: 0, told: true }
  viewer.element.querySelector(".controls").prepend(photo)
  root.replaceChildren(make("div", { class: "live" }, viewer.element, make("div", {}, bars, speed)), told)

  const changed = () => {
    waiting = null
    answers = []
    if (!live.camera.on) speed.textContent = ""
    sendNext()
  }
  const takePhoto = async () => {
    const blob = await live.camera.capture(PHOTO.side, PHOTO.quality)
    if (!blob) return
    photos.push({ seq: ++seq, picture: await encode(blob) })
    if (!waiting) sendNext()
  }
  const sendNext = () => {
    clearTimeout(timer)
    const [photo] = photos
    if (!photo && !live.camera.on) return
    waiting = { seq: photo?.seq ?? ++seq, at: performance.now() }
    timer = setTimeout(sendNext, ANSWER_MS)
    if (photo) live.send("photo", photo)
    else sendPicture(waiting)
  }
  const sendPicture = async (sent) => {
    const blob = await live.camera.capture(live.side, QUALITY)
    const picture = blob && (await encode(blob))
    if (waiting !== sent) return
    if (picture) return live.send("frame", { seq: sent.seq, picture })
    clearTimeout(timer)
    timer = setTimeout(sendNext, MIN_INTERVAL_MS) // the camera has no picture yet
  }
  live.noteTaken = (taken) => {
    if (photos[0]?.seq !== taken) return
    photos.shift()
    if (waiting?.seq === taken) sendNext()
  }
  live.receive = ({ seq: answered, shares, milliseconds }) => {
    if (answered !== waiting?.seq) return
    const now = performance.now()
    answers = [...answers.filter((at) => now - at < SPEED_WINDOW_MS), now]
    announce(bars.show(shares), now)
    const span = now - answers[0]
    const rate = span ? ((answers.length - 1) / span) * 1000 : 0
    speed.textContent = rate
      ? words.speed
          .replace("{rate}", rate.toLocaleString(words.language, { maximumFractionDigits: 1 }))
          .replace("{time}", Math.round(milliseconds))
      : ""
    clearTimeout(timer)
    timer = setTimeout(sendNext, photos.length ? 0 : Math.max(0, MIN_INTERVAL_MS - (now - waiting.at)))
    waiting = null
  }
  const announce = (name, now) => {
    if (name !== leader.name) leader = { name, since: now, told: false }
    if (leader.told || now - leader.since < TOLD_AFTER_MS) return
    leader.told = true
    told.textContent = name
  }
  live.close = () => {
    clearTimeout(timer)
    live.camera.close()
  }
  live.camera.start() // the person has just asked for it
  return live
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".camera-root")
  setCameraWords(data.cameraWords)
  root.live ??= createLive(root, data.words)
  root.live.send = setTriggerValue
  root.live.side = data.side
  if (data.answer) root.live.receive(data.answer)
  root.live.noteTaken(data.taken)
  return () => {
    if (!root.isConnected) root.live.close()
  }
}
