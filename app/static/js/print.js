// The button that prints a page; where a browser cannot print there is none.
(function () {
  var button = document.getElementById('print');
  if (!window.print) { return; }
  button.hidden = false;
  button.addEventListener('click', function () { window.print(); });
})();
