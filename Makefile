# What the linters of make lint are, for everybody the same. Their go line is ours.
GOFUMPT     = mvdan.cc/gofumpt@v0.11.0
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.7.0
FUZZTIME   ?= 60s

.PHONY: help demo test matrix tools lint bench fuzz cover

help: ## list what can be made
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

demo: ## serve a tour of a session to your browser
	cd cmd/cloakroom && go run . demo

# Without the test cache: it does not see what tests of one module read in another one.
test: tools lint cover ## test everything in all modules, with the race detector
	go test -race -count=1 work

matrix: ## test the stores on newer servers too (as root on Debian)
	@scripts/matrix

tools: ## install what the tests need (as root on Debian), or say what is missing
	@scripts/tools

# Built as the tests in internal/integration/release build, so that each is built once.
lint: export GOFLAGS := $(GOFLAGS) -trimpath
lint: export CGO_ENABLED := 0
lint: ## check the form of the code, and look for mistakes in it
	@unformed=$$(go run $(GOFUMPT) -l .) && test -z "$$unformed" || { echo "run gofumpt on: $$unformed"; exit 1; }
	go vet work
	go run $(STATICCHECK) work

bench: ## measure cloakroom and its peers
	cd bench && go run .

# When a time is up, Go before 1.27 at times says "context deadline exceeded" and means
# nothing by it (go.dev/issue/75804); a number of runs, as in FUZZTIME=1000000x, avoids that.
fuzz: ## run each fuzz target for FUZZTIME (60s)
	@grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sed 's|/[^/]*:func | |' | sort | while read -r dir target; do \
		echo "$$dir $$target"; (cd "$$dir" && go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) .) || exit; done

# Without the race detector, so this is also where allocations are counted.
cover: ## measure coverage; package cloakroom and store have to be above 90 %
	@go test -cover ./... | awk -F '\t' '{ print } $$1 ~ /FAIL/ { bad = 1 } \
		$$2 ~ /cloakroom(\/store)?$$/ && substr($$4, 11) + 0 > 90 { good++ } END { exit bad || good != 2 }'
