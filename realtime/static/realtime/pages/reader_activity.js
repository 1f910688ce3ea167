/**
 * Whether the reader is in the card, searches in it, has scrolled up or selected something there.
 * @param {Element} card
 */
export function isBeingRead(card) {
  const words = card.querySelector("[data-search]");
  const follow = card.querySelector("[data-follow]");
  const selection = getSelection();
  return (
    card.contains(document.activeElement) ||
    (words instanceof HTMLInputElement && words.value !== "") ||
    (follow instanceof HTMLElement && !follow.hidden) ||
    Boolean(selection && !selection.isCollapsed && card.contains(selection.anchorNode))
  );
}
