// Fuzzes everything that reads text of a source folder: moln.toml, Procfile and the manifests. The
// first byte picks which, so that one corpus serves all.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "model/validate.h"
#include "recipe/detect.h"
#include "recipe/procfile.h"

using namespace moln;

namespace {

const PlatformTools k_tools{.platform = "fuzz",
                            .programs = {"node", "npm", "python3", "ensurepip", "php", "composer",
                                         "ruby", "bundle", "rackup", "busybox"}};

void detect_with(const char* manifest, const std::string& text) {
    SourceListing source;
    source.paths = {manifest, "index.html"};
    source.files = {{manifest, text}, {"index.html", ""}};
    const auto recipe = detect(source, k_tools);
    if (recipe) CHECK(validate(recipe->config).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (data[0]) {
        case 'P': static_cast<void>(parse_procfile(text)); break;
        case 'N': detect_with("package.json", text); break;
        case 'R': detect_with("requirements.txt", text); break;
        case 'Y': detect_with("pyproject.toml", text); break;
        case 'A': detect_with("app.py", text); break;
        case 'D': detect_with("manage.py", text); break;
        default: detect_with("moln.toml", text); break;
    }
    return 0;
}
