// A new request for the page, which brings the cookie of a new workspace.
export default function () {
  window.location.replace(new URL("./", document.baseURI))
}
