// An ignore file of a source folder (all lines but the last) against a path (the last line): it
// ends, and soon, whatever the patterns are.
#include "cli/ignore.h"
#include "fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = moln::FuzzInput(data, size).rest();
    const auto last = text.rfind('\n');
    const auto path = last == std::string_view::npos ? text : text.substr(last + 1);
    moln::cli::IgnoreRules rules;
    rules.add_gitignore(text.substr(0, text.size() - path.size()), "");
    rules.add_molnignore(text.substr(0, text.size() - path.size()));
    static_cast<void>(rules.ignores(path, moln::cli::EntryKind::file));
    static_cast<void>(rules.ignores(path, moln::cli::EntryKind::folder));
    return 0;
}
