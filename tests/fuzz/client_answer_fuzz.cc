// Any bytes as the answer of a server, split anywhere: what comes of them is the same, within its
// bound, and what is cut is no answer.
#include <algorithm>
#include <string>

#include "base/check.h"
#include "fuzz_input.h"
#include "io/client/answer.h"

using namespace moln;
using namespace moln::client;
using Step = AnswerReader::Step;

namespace {

constexpr std::size_t k_bytes_max = 4096;

Step read(AnswerReader& reader, std::string_view bytes, std::size_t part) {
    auto step = Step::more;
    while (step == Step::more && !bytes.empty()) {
        step = reader.take(bytes.substr(0, part));
        bytes.remove_prefix(std::min(part, bytes.size()));
    }
    return step == Step::more ? reader.end() : step;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FuzzInput input(data, size);
    const std::size_t part = 1 + input.byte() % 64;
    const auto bytes = input.rest();
    AnswerReader whole(k_bytes_max);
    AnswerReader parts(k_bytes_max);
    const auto step = read(whole, bytes, bytes.size());
    const auto again = read(parts, bytes, part);
    CHECK(step != Step::more && again != Step::more);
    // What stands behind an answer may break the bound only if it comes with it.
    if (bytes.size() <= k_bytes_max) CHECK(step == again);
    if (step != Step::done) {
        CHECK(!whole.reason().empty());
        return 0;
    }
    CHECK(again == Step::done);
    CHECK(whole.answer().status == parts.answer().status && whole.answer().status >= 200);
    CHECK(whole.answer().body == parts.answer().body);
    CHECK(whole.answer().retry_after == parts.answer().retry_after);
    CHECK(whole.answer().body.size() <= k_bytes_max);
    return 0;
}
