set -e
old=$(sed -n 's/^PAYMENTS_KEY=//p' .env)

# Its text, in whatever file of whatever commit.
words=$(mktemp)
echo "$old==>REMOVED" > "$words"
git filter-repo --quiet --force --replace-text "$words"
rm "$words"
