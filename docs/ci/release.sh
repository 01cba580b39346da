#!/bin/sh
# The last job of a build: has the console release, stays until that has ended, and ends as it did.
#
#   SITE_URL=https://ops.client.example API_TOKEN=oc_… docs/ci/release.sh [SERVICE [ENVIRONMENT [BRANCH]]]
#
# Without words: Magento to pre-production. The token: manage.py token NAME --days 90 --scope act --environment pre-production
# 0 released · 1 it failed · 2 refused, and nothing was changed · 3 a person has to look · 4 the console was not reached
set -u
cd "$(dirname "$0")/../.." || exit 4
service=${1:-magento}
environment=${2:-pre-production}
branch=${3:-}

release() {
  ./console release "$service" --environment "$environment" ${branch:+--branch "$branch"} "$@"
}

release --plan || exit $? # a closed gate ends the job here: its words stand above
release --reason "${CI_JOB_URL:-a build}" --follow
