# make test installs what is missing and runs everything. The long runs are
# apart: make bench, make soak.

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME ?= 10m

.PHONY: test setup lint unit integration bench soak

test: setup lint unit integration

setup:
	./integration_test/setup.sh

lint:
	@unformatted="$$(gofmt -l .)"; if [ -n "$$unformatted" ]; then echo "gofmt: $$unformatted"; exit 1; fi
	go vet ./...
	go run $(STATICCHECK) ./...

unit:
	go test -race $$(go list ./... | grep -v /integration_test)

integration:
	go test -race -count=1 -timeout 30m ./integration_test

bench:
	go test -run '^$$' -bench . ./...

# Each fuzz target for FUZZTIME.
soak:
	@set -e; for package in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done
