// The list of a form that begins with one: boxes on one screen, and a question for each that is ticked.
// Only the runner of such a form has this part (runner.list.min.js); it stands before the last source and puts
// functions of its own in the place of some there, which it calls for everything that is not of the list.
//
// The question over the list has 'data-list'. Its hidden box 'done' says that the list was gone through (answer 1),
// its last box 'none' that nothing of it was there (0). A section with 'data-box' is asked only if that box is ticked; with
// 'data-own' the box is its own, and not to tick it is an answer: NOT_TICKED. With 'data-tick' the tick says it all.
// OPEN: ticked, or begun anew, and not answered. It is recorded, so that another phone knows it; to everything else such
// a section is not answered.

var NOT_TICKED = -1, OPEN = -2;
var isRecording;

function boxOf(section) { return form.elements[section.dataset.box]; }
function tickedBoxes() { return findAll('[name^=tick_]:checked'); }
function wasRecorded(section) { return state.recorded[section.id] !== undefined; }

blankBox = before(blankBox, function (base, section) { return section.dataset.list ? null : base(section); });
readAnswer = before(readAnswer, function (base, section) {
  var data = section.dataset, box = boxOf(section), ticked = box && box.checked, value;
  if (data.list) {
    ticked = tickedBoxes()[0];
    value = byId('none').checked ? 0 : ticked && byId('done').checked ? 1 : value;
  } else if (!box) {
    return base(section);
  } else if (ticked) {
    value = data.tick ? +data.tick : base(section);
  } else if (data.own && (wasRecorded(section) || byId('done').checked)) {
    return NOT_TICKED;
  }
  return value === undefined && isRecording && (ticked || wasRecorded(section)) ? OPEN : value;
});
addRecord = before(addRecord, function (base, section) {
  isRecording = true;
  base(section);
  isRecording = false;
});
showAnswer = before(showAnswer, function (base, section, value) {
  var box = boxOf(section);
  if (section.dataset.list) {
    byId('none').checked = value === 0;
    byId('done').checked = value === 1;
    return;
  }
  if (section.dataset.own) { box.checked = value !== NOT_TICKED; }
  if (value < 0) { clearSection(section); } else { base(section, value); }
});
askedState = before(askedState, function (base, section) {
  var box = boxOf(section);
  return !box ? base(section)
    : !box.checked || section.dataset.tick ? NOT_ASKED
    : byId('done').checked ? ASKED : UNDECIDED;
});
// An urgent tick is told on the screen of the list.
matches = before(matches, function (base, condition) {
  return base(condition, readAnswer(sectionOf(/^\w+/.exec(condition)[0])));
});
// How many questions follow is not known before the list was gone through.
showSection = before(showSection, function (base, section) {
  base(section);
  if (section.dataset.list) {
    byId('bar').parentNode.hidden = true;
    document.title = state.title;
  }
});
answerText = before(answerText, function (base, section) {
  return section.dataset.list ? findAll('.o :checked + span', section).map(function (words) {
    return words.textContent;
  }).join(' · ') : base(section);
});
goOn = before(goOn, function (base) {
  if (state.current.dataset.list && !isDebounced() && tickedBoxes()[0]) {
    byId('done').checked = true;
    findAll('[data-own]').forEach(addRecord);
  }
  base();
});

// Puts a function in the place of another, which it is given first.
function before(base, replacement) {
  return function (first, second) { return replacement(base, first, second); };
}
function clearSection(section) {
  findAll(':checked', section).forEach(uncheck);
  if (textField(section)) { textField(section).value = ''; }
}
function uncheck(box) { box.checked = false; }

listen(document, 'change', function (event) {
  if (!state.sections || !(closestSection(event.target) || form).dataset.list) { return; }
  (event.target === byId('none') ? tickedBoxes() : [byId('none')]).concat(byId('done')).forEach(uncheck);
  findAll('[data-box]').forEach(function (section) {
    if (!boxOf(section).checked) { clearSection(section); }
    addRecord(section);
  });
}, true);
