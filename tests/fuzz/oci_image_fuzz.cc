// The documents of a foreign image, by the first byte: its configuration, its manifest, its index,
// a reference as a user types it, or its /etc/passwd.
#include "base/check.h"
#include "drivers/image/oci_image.h"
#include "drivers/image/sha256.h"
#include "drivers/sandbox/passwd.h"
#include "fuzz_input.h"
#include "io/file/files.h"
#include "io/file/temp_dir_for_test.h"
#include "model/validate.h"

using namespace moln;

namespace {

class Layout {
public:
    Layout() {
        CHECK(make_folders(dir_ / "blobs/sha256", 0700).has_value());
        CHECK(make_folders(dir_ / "etc", 0700).has_value());
    }
    const std::string& path() const { return dir_.path(); }
    void put(std::string_view name, std::string_view text) {
        CHECK(write_file(dir_ / name, text, 0600, Durability::unsynced).has_value());
    }
    std::string put_blob(std::string_view text) {
        const auto hex = sha256_of(text);
        if (!made_.empty()) CHECK(remove_file(made_).has_value());
        made_ = blob_path(path(), "sha256:" + hex);
        CHECK(write_file(made_, text, 0600, Durability::unsynced).has_value());
        return "sha256:" + hex;
    }

private:
    TempDir dir_{TempMedium::memory};
    std::string made_;
};

void check_layout(Layout& layout, std::string_view index) {
    layout.put("index.json", index);
    const auto image = read_oci_layout(layout.path());
    if (!image) CHECK(!image.error().reason.empty());
}

void check_user(Layout& layout, FuzzInput& input) {
    const std::string user(input.line());
    layout.put("etc/passwd", input.rest());
    layout.put("etc/group", input.rest());
    const auto found = find_user_in(layout.path(), user);
    if (found) CHECK(found->uid >= 0 && found->gid >= 0 && !found->home.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Layout layout;
    FuzzInput input(data, size);
    switch (input.byte()) {
        case 'C':
            if (const auto app = app_of_image(input.rest())) {
                CHECK(validate(app->config).has_value());
            }
            break;
        case 'M':
            check_layout(
                layout, R"({"manifests":[{"digest":")" + layout.put_blob(input.rest()) + R"("}]})");
            break;
        case 'I': check_layout(layout, input.rest()); break;
        case 'U': check_user(layout, input); break;
        default: static_cast<void>(parse_image_reference(input.rest())); break;
    }
    return 0;
}
