// The manifest of a published site and a path asked for: what is taken is sound, what is found is
// in it, and whatever is sent lies within the content.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "edge/site/site_answer.h"
#include "http/url.h"

namespace moln::edge {
namespace {

constexpr std::uint64_t k_content = 10'000;

void ask(const SiteIndex& index, std::string_view path) {
    std::string room(path.size(), '\0');
    const auto decoded = site_path(path, room);
    if (!decoded) return;
    const SiteSpec spec{.not_found = "404.html", .fallback = "index.html"};
    const auto found = find_file(index, spec, *decoded);
    if (found.entry == nullptr) return;
    CHECK(index.find(found.entry->path) == found.entry);
    http::RequestHead head;
    head.reset();
    head.method = http::Method::get;
    const auto answer = answer_with(found, index, head, WallTime{});
    CHECK(answer.begin <= answer.end && answer.end <= answer.form->bytes);
    CHECK(answer.form->at + answer.end <= k_content);
    const SiteFields fields(answer, index);
    for (const auto& field : fields.view()) {
        for (const char c : field.value) CHECK(c >= 0x20 && c < 0x7f);
    }
}

// A line with a path, then the manifest.
void check(std::string_view input) {
    const auto end = std::min(input.find('\n'), input.size());
    const auto path = input.substr(0, end);
    const auto index = read_site(input.substr(std::min(end + 1, input.size())), k_content);
    if (!index) return;
    std::string room(path.size(), '\0');
    if (const auto normal = http::normalise_path(path, room)) ask(*index, *normal);
    ask(*index, "/");
}

}  // namespace
}  // namespace moln::edge

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    moln::edge::check({reinterpret_cast<const char*>(data), size});
    return 0;
}
