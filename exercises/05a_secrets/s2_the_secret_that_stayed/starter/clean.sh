set -e
echo ".env" >> .gitignore
git add .gitignore
git commit -q -m "Never again"
