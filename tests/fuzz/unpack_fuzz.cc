// Archives from outside, as bytes or told line by line ("f path content", "d path", "s path
// target", "h path target", "c path", "p path"): whatever stands in them, nothing beside the folder
// changes and the limits hold. The first byte says how it is read: a source folder, a layer of an
// image.
#include <filesystem>

#include <sys/stat.h>

#include "base/check.h"
#include "drivers/image/tar_for_tests.h"
#include "drivers/image/unpack.h"
#include "fuzz_input.h"
#include "io/file/files.h"
#include "io/file/temp_dir_for_test.h"
#include "io/file/tree.h"

using namespace moln;

namespace {

constexpr std::size_t k_files_max = 40;
constexpr Bytes k_bytes_max{256 * 1024};

std::string tar_of(FuzzInput& input) {
    TarForTests tar;
    while (!input.rest().empty()) {
        auto line = input.line();
        if (line.size() < 3) continue;
        const char kind = line[0];
        line.remove_prefix(2);
        const auto space = std::min(line.find(' '), line.size());
        const auto path = line.substr(0, space);
        const auto rest = line.substr(std::min(space + 1, line.size()));
        switch (kind) {
            case 'f': tar.file(path, rest); break;
            case 'd': tar.folder(path); break;
            case 's': tar.symlink(path, rest); break;
            case 'h': tar.hard_link(path, rest); break;
            case 'c': tar.device(path); break;
            case 'p': tar.pipe(path); break;
            default: break;
        }
    }
    return tar.bytes();
}

class Place {
public:
    Place() {
        CHECK(make_folders(dir_ / "beside", 0700).has_value());
        CHECK(write_file(dir_ / "beside/file", "untouched", 0600).has_value());
    }
    void unpack(char kind, std::string_view bytes) {
        CHECK(write_file(dir_ / "archive", bytes, 0600, Durability::unsynced).has_value());
        CHECK(make_folders(dir_ / "out", 0755).has_value());
        const UnpackLimits limits{.files_max = k_files_max, .bytes_max = k_bytes_max};
        const auto whiteouts = kind == 'A' ? Whiteouts::apply : Whiteouts::mark;
        const auto unpacked = kind == 'S'
                                  ? unpack_source(dir_ / "archive", dir_ / "out", limits)
                                  : unpack_layer(dir_ / "archive", dir_ / "out", whiteouts, limits);
        if (unpacked) {
            CHECK(unpacked->files <= k_files_max && unpacked->bytes <= k_bytes_max);
        } else {
            CHECK(!unpacked.error().reason.empty());
            CHECK(unpacked.error().reason.find('\n') == std::string::npos);
        }
        check_outside();
        CHECK(remove_tree(dir_ / "out").has_value());
    }

private:
    void check_outside() const {
        CHECK(read_file(dir_ / "beside/file").value() == "untouched");
        struct stat info{};
        CHECK(stat((dir_ / "beside/file").c_str(), &info) == 0);
        CHECK((info.st_mode & 07777) == 0600 && info.st_nlink == 1);
        CHECK(count(dir_.path()) == 3 && count(dir_ / "beside") == 1);
    }
    static std::ptrdiff_t count(const std::string& folder) {
        return std::distance(std::filesystem::directory_iterator(folder), {});
    }

    TempDir dir_{TempMedium::memory};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Place place;
    FuzzInput input(data, size);
    const auto kind = static_cast<char>(input.byte());
    if (kind == 'R') {
        place.unpack('L', input.rest());
    } else {
        place.unpack(kind, tar_of(input));
    }
    return 0;
}
