// Reads a question out, where the plan and the licence of its words allow it. Only by a voice that works on the phone
// itself (localService): others would send the question to somebody's server. Without such a voice for the language of
// the question there is no button.
(function (document, window) {
  var words = document.currentScript.dataset, speech = window.speechSynthesis, form = document.getElementById('f');
  var shown = [], reading;

  function findAll(parent, selector) { return [].slice.call(parent.querySelectorAll(selector)); }
  function textOf(element) { return element.textContent.trim(); }
  // Android writes zh_CN, others zh-CN; Chinese in simplified signs is not read by a voice for Cantonese.
  function tag(lang) { return lang.replace('_', '-').replace(/^cmn/, 'zh').toLowerCase(); }
  function fits(voice, lang) {
    var have = tag(voice.lang);
    return lang.indexOf('zh') ? have.split('-')[0] === lang.split('-')[0] : /^zh\b(?!.*-(hk|mo|tw|hant))/.test(have);
  }
  function voiceFor(section) {
    var lang = tag(section.querySelector('h1').closest('[lang]').lang);
    return speech.getVoices().filter(function (voice) { return voice.localService && fits(voice, lang); })[0];
  }
  // The times and the question, then what can be answered: of a row of numbers its two ends.
  function spoken(section) {
    var parts = findAll(section, '.recall,h1'), ends = findAll(section, '.ends span');
    parts = parts.concat(ends.length ? ends : findAll(section, '.o:not(.no-js) span,p[id^=h-],p[id^=e-]'));
    return parts.map(textOf).join('\n');
  }
  function stop() {
    speech.cancel();
    if (reading) { reading.textContent = words.read; }
    reading = undefined;
  }
  function read(section, button) {
    var utterance = new window.SpeechSynthesisUtterance(spoken(section)), voice = voiceFor(section);
    stop();
    if (!voice) { return; }
    utterance.voice = voice;
    utterance.lang = voice.lang;
    utterance.onend = utterance.onerror = function () { if (reading === button) { stop(); } };
    reading = button;
    button.textContent = words.stop;
    speech.speak(utterance);
  }
  function offer(section) {
    if (shown.indexOf(section) >= 0 || !voiceFor(section)) { return; }
    var line = document.createElement('p'), button = document.createElement('button');
    shown.push(section);
    line.className = 'lang js-only';
    button.type = 'button';
    button.textContent = words.read;
    button.addEventListener('click', function () { if (reading === button) { stop(); } else { read(section, button); } });
    line.appendChild(button);
    section.querySelector('legend').parentNode.insertBefore(line, section.querySelector('legend').nextSibling);
  }
  // The list of voices may come late.
  function offerAll() {
    findAll(form, '[id^=s-]').filter(function (section) { return section.querySelector('legend'); }).forEach(offer);
  }

  if (!speech || !window.SpeechSynthesisUtterance || !form) { return; }
  offerAll();
  speech.onvoiceschanged = offerAll;
  // Whoever goes on has heard enough.
  document.querySelector('.bar').addEventListener('click', stop);
  window.addEventListener('popstate', stop);
  window.addEventListener('pagehide', stop);
})(document, window);
