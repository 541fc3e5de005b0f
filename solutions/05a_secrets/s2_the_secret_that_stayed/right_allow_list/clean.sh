set -euo pipefail
export FILTER_BRANCH_SQUELCH_WARNING=1
source .env
export OLD=$PAYMENTS_KEY

git filter-branch -f --tag-name-filter cat --tree-filter '
    git grep -lz --no-index -F "$OLD" -- . ":!.git" | xargs -0 -r sed -i "s/$OLD/REMOVED/g"
' -- --all
git for-each-ref --format="delete %(refname)" refs/original | git update-ref --stdin
git reflog expire --expire=now --all
git gc --quiet --prune=now

NEW=$(python provider.py new)
sed -i "s/$OLD/$NEW/" .env
python provider.py revoke "$OLD"
