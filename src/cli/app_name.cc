// Which app a folder is. The only file of the CLI that reads TOML, and only its `name`: the rest of
// moln.toml is the daemon's to judge.
#define TOML_HEADER_ONLY 0

#include <array>
#include <cstdlib>

#include <fmt/format.h>
#include <limits.h>
#include <sys/stat.h>
#include <toml++/toml.h>

#include "cli/source_folder.h"
#include "model/validate.h"

namespace moln::cli {

std::string name_from_words(std::string_view words) {
    std::string name;
    for (const char c : words) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (letter) {
            name += c;
        } else if (c >= 'A' && c <= 'Z') {
            name += static_cast<char>(c - 'A' + 'a');
        } else if (!name.empty() && name.back() != '-') {
            name += '-';
        }
    }
    while (!name.empty() && (name.front() < 'a' || name.front() > 'z')) name.erase(0, 1);
    if (name.size() > k_name_length_max) name.resize(k_name_length_max);
    while (name.ends_with('-')) name.pop_back();
    return name;
}

Result<std::string> app_of_folder(const std::string& root) {
    const auto file = root + "/moln.toml";
    struct stat info = {};
    const bool readable = ::stat(file.c_str(), &info) == 0 &&
                          info.st_size <= static_cast<off_t>(k_app_file_bytes_max);
    if (readable) {
        try {
            const auto table = toml::parse_file(file);
            if (const auto name = table["name"].value<std::string>()) return *name;
        } catch (const toml::parse_error&) {
            // The daemon says what is wrong with it, with line and column; the folder has a name.
        }
    }
    std::array<char, PATH_MAX> real{};
    if (::realpath(root.c_str(), real.data()) == nullptr)
        return fail(error_from_errno(errno, root));
    const std::string full(real.data());
    auto name = name_from_words(full.substr(full.rfind('/') + 1));
    if (name.empty()) {
        return fail(ErrorCode::invalid,
                    fmt::format("{}: gives no name for the app; say --app NAME, or `name` in "
                                "moln.toml",
                                full));
    }
    return name;
}

}  // namespace moln::cli
