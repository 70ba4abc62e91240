// The form on the screen: one question at a time over the plain form, which works without this script too.
// Responsible for the state of the runner, for reading answers, for deciding which questions are asked, for
// the steps and the review, and for the events of the page.
//
// The sources are the body of one function: outbox.js, transport.js, this one, which starts the runner at its
// end, and list.js. `python .tools/build_runner.py` joins and minifies them, and what comes out travels in the
// page. ECMAScript 5, for old phones. The command makes a variable of each member of `state` and a number of
// each constant in capitals, and shortens the members of boxes and records; therefore `state` is only used as
// `state.member`, and no member of theirs has the name of one of the browser's.
//
// It makes a runner for each kind of form, and leaves out what a form of that kind has no use for. TYPED
// (something is typed), TEXTS (words too, not numbers alone), RULES (not every question is asked), URGENT (an answer
// calls at once), IFS (an earlier answer decides what is asked), LIST (the form begins with a list, whose ticks decide
// it) are true or false there; they stand in conditions only.

var form = document.getElementById('f');
// Next and "Leave it blank" are debounced: a second tap within this time does nothing.
var DEBOUNCE_MS = 400;
// Where in `state.words` each text stands: the template's list `said` has the same order.
var POSITION = 0, OF_MOST = 1, LEFT_BLANK = 2, CHANGE = 3, SEND = 4, KEPT = 5, UNSENT = 6, NOT_KEPT = 7, ALL_SENT = 8,
  SENDING = 9, ONE_BLANK = 10, BLANKS = 11, UNANSWERED = 12, NO_NUMBER = 13;

// A browser without one of these shows the long form.
if (!window.fetch || !window.URLSearchParams || !form.closest) {
  document.documentElement.classList.remove('js');
  return;
}

// Without this script the switch of the language sends the form, to be saved first. It is a form of its own here.
findAll('[form]', document).forEach(function (button) { button.removeAttribute('form'); });

// The address below which everything is sent.
var formUrl = form.getAttribute('action').replace('/submit', '');
// Everything that the runner knows.
var state = {
  // The page, which does not change.
  sections: findAll('[id^=s-]'), // the questions' elements, in order
  review: byId('review'),
  footer: form.querySelector('.bar'),
  title: ' - ' + document.title,
  words: form.dataset.words.split('|'), // what the runner says, at the constants above
  nextLabel: byId('next').textContent,
  // The screen.
  current: undefined, // the section that is shown
  depth: 0, // steps since the page was opened, which Back undoes
  steppedAt: 0,
  isChange: undefined, // a question was opened from the review and returns to it
  endSeen: undefined, // the last option has been in sight
  // The outbox.
  signs: form.dataset.key, // one sign for each section; empty if nothing may be stored
  storage: null, // null if this phone or the study keeps nothing
  storagePrefix: 'ob:' + formUrl.split('/')[2] + ':',
  ownBox: {
    client: Date.now().toString(36) + Math.random().toString(36).slice(2),
    records: [],
    sendPressedAt: 0
  },
  boxes: [], // those of other pages, oldest first, and this page's own
  recorded: {}, // by section: the answer as of the last record
  lastSeq: 0,
  leftAt: 0,
  // The transport.
  revision: +form.revision.value, // the number of answers that this page knows the server to have
  batchSize: 50,
  sentSeq: undefined, // that of the last record before the form was sent
  saving: undefined,
  sending: undefined,
  stopped: undefined,
  connectionLost: false,
  wasOffline: undefined // something could not be sent at once since the form was opened
};

// The document.
function listen(target, type, listener) { target.addEventListener(type, listener); }
function byId(id) { return document.getElementById(id); }
function findAll(selector, parent) { return [].slice.call((parent || form).querySelectorAll(selector)); }
function addChild(parent, tag, text) {
  var child = document.createElement(tag);
  child.textContent = text;
  return parent.appendChild(child);
}

// Sections: an item's element has the id 's-' and the item's code.
function sectionOf(code) { return byId('s-' + code); }
function codeOf(section) { return section.id.slice(2); }
function closestSection(element) { return element.closest('[id^=s-]'); }
function blankBox(section) {
  return section.querySelector('[name^=blank_]');
}
function textField(section) { return section.querySelector('input:not([type])'); }
function checkedOption(section) { return section.querySelector('[type=radio]:checked'); }
function heading(section) { return section.querySelector('h1'); }

// Answers: undefined is not answered, null is left blank, NaN is not readable as a possible number.
function readAnswer(section) { return LIST ? readListed(section) : readField(section); }
function readField(section) {
  var blank = blankBox(section), option = checkedOption(section);
  if (blank && blank.checked) { return null; }
  if (TYPED && textField(section)) { return readTyped(section, textField(section).value); }
  return option ? +option.value : undefined;
}
// A number is read in steps of the item, exactly: what lies between two steps is no possible number, and is not
// rounded. The server reads the same texts alike, by parse_answer of narrow_number.
function readTyped(section, typed) {
  var text = typed.normalize('NFKC').replace(/[,。]/, '.').trim(), range = section.dataset;
  var number = Math.round(text * range.steps);
  return !text ? undefined
    : TEXTS && 'text' in range ? typed
    : /^-?\d{1,9}(\.\d{1,9})?$/.test(text) && number / range.steps == text
      && number >= range.low && number <= range.high ? number : NaN;
}
function showAnswer(section, value) {
  if (LIST && showTicks(section, value)) { return; }
  var blank = blankBox(section), option = section.querySelector('[type=radio][value="' + value + '"]');
  if (blank) { blank.checked = value === null; }
  if (TYPED && textField(section) && value !== null) { textField(section).value = value / section.dataset.steps; }
  if (option) { option.checked = true; }
}
function isSettled(section) {
  var value = readAnswer(section);
  return value !== undefined && (!TYPED || value === value);
}

// Conditions, such as q1,3,4: the answer to q1 is from 3 to 4.
function sourceOf(condition) { return sectionOf(condition.split(',')[0]); }
function matches(condition) {
  var parts = condition.split(','), value = readAnswer(sectionOf(parts[0]));
  return value !== null && value >= parts[1] && value <= parts[2];
}
// Whether a question is asked; undefined while an earlier answer that decides it is missing.
function isAsked(section) {
  if (LIST && boxOf(section)) { return isAskedByTick(section); }
  return !IFS || isAskedByAnswer(section);
}
function isAskedByAnswer(section) {
  var condition = section.dataset['if'], source = condition && sourceOf(condition);
  return !condition || isAsked(source) && (isSettled(source) ? matches(condition) : undefined);
}
function askedSections() { return RULES ? state.sections.filter(isAsked) : state.sections; }
function mayBeAsked(section) { return isAsked(section) !== false; }
function firstOpen() { return askedSections().filter(function (section) { return !isSettled(section); })[0]; }

// Showing one section.
function showSection(section) {
  if (state.current) { state.current.classList.remove('on'); }
  state.current = section;
  section.classList.add('on');
  showPrompt();
  var asked = askedSections(), index = asked.indexOf(section);
  // A list is gone through before anything else is asked; then all of it is decided.
  var total = (IFS ? state.sections.filter(mayBeAsked) : asked).length;
  var position = state.words[POSITION].replace('##', total).replace('#', index + 1);
  // How many questions follow a list is not known before it was gone through.
  var isUncounted = index < 0 || LIST && section.dataset.list;
  byId('bar').parentNode.hidden = isUncounted;
  byId('pos').textContent = position;
  byId('bar').max = total;
  byId('bar').value = index + 1;
  byId('next').textContent = section === state.review ? state.words[SEND] : state.nextLabel;
  document.title = (isUncounted ? heading(section).textContent : position) + state.title;
  if (section === state.review) { fillReview(); }
  if (URGENT) { updateUrgent(); }
}
// Says why Next does not go on, if it does not: UNANSWERED or NO_NUMBER.
function showPrompt(reason) {
  byId('why').textContent = state.words[reason];
  byId('leave').hidden = reason !== UNANSWERED || 'must' in state.current.dataset;
  byId('ask').hidden = !reason;
  if (reason) {
    byId('ask').scrollIntoView(false);
    window.scrollBy(0, state.footer.offsetHeight + 16);
  }
}
function updateUrgent() {
  var urgent = (state.current === state.review ? askedSections() : [state.current]).some(function (section) {
    return (section.dataset.urgent || '').split(' ').some(function (condition) {
      return condition && matches(condition);
    });
  });
  byId('urgent').hidden = !urgent;
  state.footer.classList.toggle('loud', urgent);
  // The footer grows over the page; what was just chosen stays in sight above it.
  if (urgent && state.current.contains(document.activeElement)) {
    document.activeElement.scrollIntoView({ block: 'nearest' });
  }
}
// Shows "More below" until the last option has been in sight.
function updateMore() {
  if (state.stopped) { return; }
  var last = findAll('.o:not(.no-js),input:not([type])', state.current).pop();
  if (last && last.getBoundingClientRect().bottom <= state.footer.getBoundingClientRect().top + 2) {
    state.endSeen = true;
  }
  byId('more').hidden = !last || state.endSeen;
  byId('more').style.bottom = state.footer.offsetHeight + 'px';
}

// Steps. An entry of the history holds the section's id (s), the depth (d) and whether it is a change (r).
function goTo(section, push, isChange) {
  // The review comes once every answer is possible, also by the browser's Back.
  if (section === state.review || RULES && !isAsked(section)) { section = firstOpen() || state.review; }
  state.isChange = isChange;
  if (section !== state.review) { clearSendPressed(state.ownBox); }
  if (!state.ownBox.sendPressedAt) { noteNothingWaits(); }
  state.steppedAt = Date.now();
  showSection(section);
  focusHeading(section);
  bringIntoView(section);
  var entry = { s: section.id, d: push ? ++state.depth : state.depth, r: state.isChange };
  window.history[push ? 'pushState' : 'replaceState'](entry, '');
}
function focusHeading(parent) {
  heading(parent).tabIndex = -1;
  heading(parent).focus();
  window.scrollTo(0, 0);
}
// What does not fit below the head of the page is shown from its own top, below what stands there of the connection.
function bringIntoView(section) {
  state.endSeen = false;
  updateMore();
  if (byId('more').offsetHeight) {
    window.scrollBy(0, section.getBoundingClientRect().top - byId('top').offsetHeight);
    updateMore();
  }
}
function isDebounced() { return Date.now() - state.steppedAt < DEBOUNCE_MS; }
function goOn(event) {
  event.preventDefault();
  if (isDebounced() || state.stopped) { return; }
  if (state.current === state.review) { return submitForm(); }
  if (LIST) { closeList(); }
  if (!isSettled(state.current)) {
    return showPrompt(TYPED && readAnswer(state.current) !== undefined ? NO_NUMBER : UNANSWERED);
  }
  addRecord(state.current);
  goForward();
}
function goForward() {
  var asked = askedSections(), index = asked.indexOf(state.current);
  if (state.isChange && !firstOpen()) { return window.history.back(); }
  goTo(!state.isChange && asked[index + 1] || state.review, true);
}
function goBack() {
  if (state.sending) { return; }
  var asked = askedSections(), index = asked.concat(state.review).indexOf(state.current);
  addRecord(state.current);
  if (state.depth > 0) {
    window.history.back();
  } else if (index > 0) {
    goTo(asked[index - 1], false);
  } else {
    document.querySelector('.home').click();
  }
}
function leaveBlank() {
  if (isDebounced()) { return; }
  if (TYPED && textField(state.current)) { textField(state.current).value = ''; }
  blankBox(state.current).checked = true;
  addRecord(state.current);
  goForward();
}

// The review: the wording stays in the form; only the rows are made here. A number stands in its field as it is stored.
function numberedHeading(section) {
  return askedSections().indexOf(section) + 1 + '. ' + heading(section).textContent;
}
// A number of a row is told with the highest one, unless it has words; it stands first in every language of ours.
function answerText(section) {
  if (LIST && section.dataset.list) { return tickedWords(section); }
  var option = checkedOption(section), words = option && option.nextElementSibling.textContent;
  return readAnswer(section) === null ? state.words[LEFT_BLANK]
    : TYPED && !option ? textField(section).value
    : words === option.value ? words + state.words[OF_MOST].replace('#', findAll('[type=radio]', section).pop().value) : words;
}
function fillReview() {
  var asked = askedSections(), rows = byId('rows'), blanks = asked.filter(function (section) { return readAnswer(section) === null; });
  rows.textContent = '';
  asked.forEach(function (section) {
    var row = addChild(rows, 'div'), link;
    addChild(row, 'dt', numberedHeading(section)).lang = section.firstElementChild.lang;
    addChild(row, 'dd', answerText(section));
    link = addChild(addChild(row, 'dd'), 'a', state.words[CHANGE]);
    link.href = '#' + section.id;
    addChild(link, 'span', ' ' + numberedHeading(section)).className = 'vh';
  });
  byId('blanks').hidden = !blanks.length;
  byId('blanks').textContent = state.words[blanks.length > 1 ? BLANKS : ONE_BLANK].replace('#', blanks.length) + ' · ';
  if (blanks.length) {
    addChild(byId('blanks'), 'a', numberedHeading(blanks[0])).href = '#' + blanks[0].id;
  }
}
// The page ends with a bar of its own, which takes the place of the runner's.
function showThanks(html) {
  byId('main').innerHTML = html;
  form.replaceChild(byId('main').lastElementChild, state.footer);
  document.title = heading(byId('main')).textContent + state.title;
  window.history.replaceState(null, '', formUrl + '/done');
  focusHeading(byId('main'));
}

// Events of the page.
listen(form, 'submit', goOn);
// What is answered is not left blank any more. Returns the section.
function unskip(event) {
  var section = closestSection(event.target), blank = section && blankBox(section);
  if (blank && blank !== event.target) { blank.checked = false; }
  return section;
}
listen(form, 'change', function (event) {
  var section = unskip(event);
  if (!section) { return; }
  if (LIST && section.dataset.list) { changeList(event.target); }
  if (!TYPED || !textField(section) || isSettled(section)) { showPrompt(); }
  addRecord(section);
  if (URGENT) { updateUrgent(); }
});
if (TYPED) { listen(form, 'input', unskip); }
listen(form, 'click', function (event) {
  var link = event.target.closest('a[href^="#s-"]');
  if (!link) { return; }
  event.preventDefault();
  if (state.sending) { return; }
  goTo(byId(link.hash.slice(1)), true, true);
});
listen(byId('back'), 'click', goBack);
listen(byId('leave'), 'click', leaveBlank);
listen(window, 'popstate', function (event) {
  if (state.stopped) { return window.location.reload(); }
  if (!event.state) { return; }
  state.depth = event.state.d;
  goTo(byId(event.state.s), false, event.state.r);
});
listen(window, 'scroll', updateMore);
listen(window, 'resize', updateMore);
listen(window, 'online', deliver);
listen(window, 'pagehide', function () { sendRecords(true); });
// Whoever leaves the page while typing has given what stands there.
listen(document, 'visibilitychange', function () {
  addRecord(state.current);
  deliver();
});
setInterval(deliver, RETRY_MS);
listen(window, 'pageshow', function () { state.leftAt = 0; });
listen(window, 'beforeunload', function (event) {
  state.leftAt = Date.now();
  addRecord(state.current);
  if (!isStored() && firstFilledBox() && !state.stopped) {
    event.preventDefault();
    event.returnValue = '';
  }
});
// A change of language comes back to the same question.
listen(document, 'submit', function (event) {
  try {
    if (event.target !== form) { window.sessionStorage.at = state.sections.indexOf(state.current); }
  } catch (e) { /* Then it comes back to the first question without an answer. */ }
});

// Which section comes first: one that the server sent back, the one of before a change of language, the
// first without an answer, or the review.
var first, sentBack = form.querySelector('[data-bad]');
try {
  first = state.sections[window.sessionStorage.at];
  window.sessionStorage.removeItem('at');
} catch (e) { first = 0; }
if (LIST) { copyAlike(); }
takeOverBoxes();
state.sections.forEach(function (section) {
  state.recorded[section.id] = LIST ? readRecorded(section) : readAnswer(section);
});
if (firstOpen()) { clearSendPressed(state.ownBox); }
first = sentBack
  || !state.ownBox.sendPressedAt && first && (!RULES || isAsked(first)) && first
  || firstOpen() || state.review;
showSection(first);
bringIntoView(first);
if (sentBack) { showPrompt(TYPED && textField(sentBack) ? NO_NUMBER : UNANSWERED); }
window.history.replaceState({ s: first.id, d: 0 }, '');
if (!state.storage) { showNetwork(NOT_KEPT); }
deliver();
