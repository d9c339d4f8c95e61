// The page around the network: camera, files, and the answers as bars.
"use strict";

const MAX_BARS = 5;
const QUIET_SECONDS = 3; // between two announcements of what the camera sees

const find = (id) => document.getElementById(id);
const description = JSON.parse(find("network").textContent);
const { classes, words } = description;

/** A sentence of the page, with values in its fields. */
function say(key, values = {}) {
  return words[key].replace(/\{(\w+)\}/g, (_field, name) => {
    const value = values[name];
    return typeof value === "number" ? value.toLocaleString(document.documentElement.lang) : value;
  });
}

const asked = new Map(); // by number, the function that takes the answer
let nextNumber = 1;

const worker = startWorker();

function startWorker() {
  const source = new Blob([find("worker-source").textContent], { type: "text/javascript" });
  const started = new Worker(URL.createObjectURL(source));
  started.onmessage = ({ data }) => {
    const takeAnswer = asked.get(data.id);
    asked.delete(data.id);
    takeAnswer(data);
  };
  started.onerror = () => showProblem(say("tooOld"));
  started.postMessage({ network: description, weights: find("weights").textContent });
  find("weights").remove(); // several megabytes that only the worker needs
  return started;
}

/** Ask the network about a file or a bitmap. */
function ask(picture, transferred = []) {
  return new Promise((resolve) => {
    const id = nextNumber++;
    asked.set(id, resolve);
    worker.postMessage({ id, ...picture }, transferred);
  });
}

function showProblem(sentence) {
  find("problem").textContent = sentence;
  find("problem").hidden = !sentence;
}

function announce(sentence) {
  find("status").textContent = sentence;
}

// Answers

/** Few classes keep their places, so that bars do not jump; of many the likeliest are shown. */
function chooseBars(probabilities) {
  const bars = classes.map((name, i) => ({ name, share: probabilities[i] }));
  if (bars.length <= MAX_BARS) return bars;
  return bars.sort((a, b) => b.share - a.share).slice(0, MAX_BARS);
}

function putInWords({ probabilities, isUnknown, problem }) {
  if (problem) return { verdict: say("cannotSee"), remark: say(problem.key, problem.values) };
  const share = Math.max(...probabilities);
  const name = classes[probabilities.indexOf(share)];
  const sure = say("sure", { share: formatShare(share) });
  if (isUnknown) {
    return { verdict: say("unsure"), remark: say("unlike", { name }) };
  }
  return { verdict: say("think", { name }), remark: sure };
}

function formatShare(share) {
  if (share > 0.99) return say("over");
  return share < 0.01 ? say("under") : `${Math.round(share * 100)} %`;
}

/** Draw an answer into a box that has a verdict, a remark, bars and a speed. */
function drawAnswer(box, answer) {
  const { verdict, remark } = putInWords(answer);
  box.querySelector(".verdict").textContent = verdict;
  box.querySelector(".remark").textContent = remark;
  box.classList.toggle("unsure", answer.isUnknown === true);
  box.classList.toggle("failed", Boolean(answer.problem));
  if (!answer.problem) {
    drawBars(box.querySelector(".bars"), chooseBars(answer.probabilities));
    const took = say("took", { time: Math.round(answer.milliseconds) });
    const others = say("likeliest", { shown: MAX_BARS, classes: classes.length });
    box.querySelector(".speed").textContent = classes.length > MAX_BARS ? `${others} ${took}` : took;
  }
  return `${verdict}. ${remark}`;
}

function drawBars(list, bars) {
  const largest = Math.max(...bars.map(({ share }) => share));
  while (list.children.length < bars.length) list.append(makeBar());
  bars.forEach(({ name, share }, i) => {
    const bar = list.children[i];
    bar.classList.toggle("likely", share === largest);
    bar.querySelector(".name").textContent = name;
    bar.querySelector(".share").textContent = formatShare(share);
    bar.querySelector(".fill").style.width = `${share * 100}%`;
  });
}

/** Make an element with its children. */
function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

function makeBar() {
  const track = make("div", "track", make("div", "fill"));
  track.setAttribute("aria-hidden", "true");
  return make("li", "", make("span", "name"), make("span", "share"), track);
}

// Files

async function takeFiles(files) {
  if (!files.length) return;
  showProblem("");
  find("forget").hidden = false;
  await Promise.all([...files].map(takeFile));
}

async function takeFile(file) {
  const image = make("img");
  image.alt = say("picture", { name: file.name });
  image.onload = image.onerror = () => URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(file);
  const verdict = make("h2", "verdict", say("looking"));
  const rest = [make("p", "hint", file.name), make("p", "remark"), make("ul", "bars")];
  const box = make("article", "answer", image, make("div", "", verdict, ...rest, make("p", "speed")));
  find("answers").prepend(box);
  const answer = await ask({ file });
  if (answer.problem) image.remove();
  announce(`${file.name}: ${drawAnswer(box, answer)}`);
}

find("files").addEventListener("change", async ({ target }) => {
  await takeFiles(target.files);
  target.value = ""; // so that the same file can be chosen again
});
find("forget").addEventListener("click", () => {
  find("answers").replaceChildren();
  find("forget").hidden = true;
  showProblem("");
  find("files").focus();
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.toggle("dropping", kind === "dragover");
  });
}
addEventListener("drop", ({ dataTransfer }) => {
  if (!dataTransfer.files.length) showProblem(say("dropFiles"));
  takeFiles(dataTransfer.files);
});

// Camera

const video = find("video");
let stream = null;
let facing = "environment"; // the camera at the back of a phone
const CAMERA_PROBLEMS = ["NotAllowedError", "NotFoundError", "NotReadableError"]; // have words

async function startCamera() {
  showProblem("");
  if (!navigator.mediaDevices?.getUserMedia) {
    showProblem(say("noCamera"));
    return;
  }
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: facing } });
  } catch (error) {
    showProblem(say(CAMERA_PROBLEMS.includes(error.name) ? error.name : "cameraFailed"));
    return;
  }
  const own = stream;
  video.srcObject = own;
  find("camera").hidden = false;
  find("camera-button").textContent = say("stop");
  const devices = await navigator.mediaDevices.enumerateDevices();
  find("other-camera").hidden = devices.filter(({ kind }) => kind === "videoinput").length < 2;
  own.getVideoTracks()[0].onended = stopCamera;
  await video.play().catch(() => {}); // stopped before it began
  watch(own);
}

function stopCamera() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  video.srcObject = null;
  find("camera").hidden = true;
  find("camera-button").textContent = say("start");
}

/** Ask about one picture after another for as long as this stream is on. */
async function watch(own) {
  let [said, saidAt] = ["", 0];
  while (stream === own) {
    await new Promise(requestAnimationFrame); // none comes while the page is hidden
    if (stream !== own || !video.videoWidth) continue;
    const bitmap = await createImageBitmap(video);
    const answer = await ask({ bitmap }, [bitmap]);
    if (stream !== own) return;
    const sentence = drawAnswer(find("camera"), answer);
    const { verdict } = putInWords(answer);
    if (verdict !== said && performance.now() - saidAt > QUIET_SECONDS * 1000) {
      announce(sentence);
      [said, saidAt] = [verdict, performance.now()];
    }
  }
}

find("camera-button").addEventListener("click", () => (stream ? stopCamera() : startCamera()));
find("other-camera").addEventListener("click", () => {
  facing = facing === "environment" ? "user" : "environment";
  stopCamera();
  startCamera();
});
