# Reports on the checkout: its history, and the lines of each file.
set -euo pipefail

echo "History"
git log --reverse --format='%h  %as  %an: %s' | while read -r line; do
    echo "  $line"
    sleep 0.4
done
echo "Files"
git ls-files | while read -r file; do
    printf '  %-28s %5d lines\n' "$file" "$(wc -l < "$file")"
    sleep 0.25
done
echo "Done."
