// The worker of the test build: the same as the shipped one, on a virtual Chromebook.
//
// vaca-test-build: the package must not hold this line's mark.

import "./chromebook.js";
import "../../../src/worker.js";
