// The desk without this file works the same; here are a print button, a key for the search, and the focus.
(function () {
  'use strict';
  document.documentElement.classList.add('js');
  document.addEventListener('click', function (event) {
    if (event.target.closest && event.target.closest('[data-print]')) { window.print(); }
  });
  document.addEventListener('keydown', function (event) {
    var field = document.getElementById('q');
    var typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === '/' && field && !typing && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      field.focus();
    }
  });
  // A list that stood behind another window is old: ask again when it is looked at.
  var shown = Date.now();
  document.addEventListener('visibilitychange', function () {
    var list = document.getElementById('worklist');
    if (document.hidden || !list || Date.now() - shown < 60000) { return; }
    window.location.reload();
  });
})();
