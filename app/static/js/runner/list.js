// The list of a form that begins with one: boxes on one screen, and a question for each that is ticked.
// Responsible for what the boxes say, of the list itself and of the questions that depend on them. The other
// sources ask this one under the condition LIST, so that other forms do not carry it.
//
// The question over the list has 'data-list'. Its hidden box 'done' says that the list was gone through (answer 1),
// its last box 'none' that nothing of it was there (0). A section for which there is a box is asked only if that is
// ticked, and not to tick it is an answer: NOT_TICKED; one with 'data-box' depends on the box of another. With
// 'data-tick' the tick says it all. A section with 'data-like' came with its heading alone. OPEN: ticked, or begun
// anew, and not answered. It is recorded, so that another phone knows it; to everything else such a section is not
// answered.

var NOT_TICKED = -1, OPEN = -2;

function boxOf(section) { return form.elements[section.dataset.box || 'tick_' + codeOf(section)]; }
function boxedSections() { return state.sections.filter(boxOf); }
function tickedBoxes() { return findAll('[name^=tick_]:checked'); }
function wasRecorded(section) { return state.recorded[section.id] !== undefined; }

// What is not ticked when the page is made is not worth its bytes: what stands below its heading is that of
// another question, which is asked in the same way.
function copyAlike() {
  findAll('[data-like]').forEach(function (section) {
    var words = heading(section).textContent;
    section.innerHTML = sectionOf(section.dataset.like).innerHTML
      .replace(/ checked=""/g, '').replace(/(name="(blank_)?)\w+/g, '$1' + codeOf(section));
    heading(section).textContent = words;
  });
}
function readListed(section) {
  // Once the thanks stand in its place, the list is gone and there is no box to ask.
  var data = section.dataset, box = boxOf(section);
  return data.list ? byId('none').checked ? 0 : byId('done').checked && tickedBoxes()[0] ? 1 : undefined
    : box && !box.checked ? !data.box && (byId('done').checked || wasRecorded(section)) ? NOT_TICKED : undefined
    : data.tick ? +data.tick : readField(section);
}
// The answer, or that the section is open.
function readRecorded(section) {
  var value = readAnswer(section), box = boxOf(section), isList = section.dataset.list;
  return value === undefined && (isList || box)
    && (wasRecorded(section) || (isList ? tickedBoxes()[0] : box.checked)) ? OPEN : value;
}
// Returns whether nothing else of the answer is to be shown.
function showTicks(section, value) {
  if (section.dataset.list) {
    byId('none').checked = value === 0;
    byId('done').checked = value === 1;
    if (value === 0) {
      tickedBoxes().forEach(uncheck);
      clearUnticked();
    }
    return true;
  }
  if (boxOf(section) && !section.dataset.box) { boxOf(section).checked = value !== NOT_TICKED; }
  if (value < 0) { clearSection(section); }
  return value < 0;
}
function isAskedByTick(section) {
  return boxOf(section).checked && !section.dataset.tick && (byId('done').checked || undefined);
}
function tickedWords(section) {
  return findAll('.o :checked+span', section).map(function (words) { return words.textContent; }).join(' · ');
}
// Next on the list: what is not ticked is answered now.
function closeList() {
  if (state.current.dataset.list && tickedBoxes()[0]) {
    byId('done').checked = true;
    boxedSections().forEach(addRecord);
  }
}
function clearSection(section) {
  findAll(':checked', section).forEach(uncheck);
  if (textField(section)) { textField(section).value = ''; }
}
function clearUnticked() {
  boxedSections().forEach(function (section) { if (!boxOf(section).checked) { clearSection(section); } });
}
function uncheck(box) { box.checked = false; }

function changeList(box) {
  (box === byId('none') ? tickedBoxes() : [byId('none')]).concat(byId('done')).forEach(uncheck);
  clearUnticked();
  boxedSections().forEach(addRecord);
}
