// Golden renderings: the whole text, so that a change of looks is seen as one.
#include "cli/render.h"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/completion.h"

namespace moln::cli {
namespace {

using testing::HasSubstr;

constexpr Style k_plain = {.colours = false, .now = {10'000'000'000}};

TEST(RenderStatus, fits_one_screen) {
    StatusView view{.node = "alpha", .version = "0.1.0", .uptime = minutes(90)};
    view.memory = gib(16);
    view.cpu_millis = 4500;
    view.disk_free = gib(100);
    view.edge = {.connected = true, .listens = {"127.0.0.1:8080", "[::1]:8080"}};
    view.counts = {.apps = 2, .instances_wanted = 3, .instances_ready = 2};
    view.counts.instances_draining = 1;
    view.counts.trash_items = 1;
    view.counts.trash_size = mib(3);
    view.warnings = {"disk: little is free"};
    EXPECT_EQ(render_status(view, k_plain),
              "node       alpha, moln 0.1.0, up 1 h\n"
              "machine    16 GiB memory, 4.5 cores, 100 GiB free for data\n"
              "edge       listens on 127.0.0.1:8080, [::1]:8080\n"
              "apps       2\n"
              "instances  2 of 3 ready, 1 draining\n"
              "volumes    0\n"
              "trash      1 item, 3 MiB\n"
              "warning: disk: little is free\n");
}

TEST(RenderStatus, says_what_an_edge_that_was_replaced_finishes) {
    StatusView view{.node = "alpha", .version = "0.1.0", .uptime = minutes(90)};
    view.edge.leaving = {{.pid = 10, .requests_open = 3, .tunnels_open = 1, .oldest_open = {}},
                         {.pid = 9, .oldest_open = {}}};
    const auto text = render_status(view, k_plain);
    EXPECT_NE(text.find("\n           process 10 was replaced and finishes 3 requests, "
                        "1 connection, oldest 0 s\n"
                        "           process 9 was replaced and finishes what it has begun\n"),
              std::string::npos)
        << text;
}

TEST(RenderInstances, says_what_still_drains) {
    InstanceView run{.id = InstanceId("web-abcdef"), .app = AppId("default/shop"), .release = 4};
    run.state = InstanceState::running;
    run.created = {10'000'000'000 - 120'000};
    run.memory = mib(40);
    InstanceView drain = run;
    drain.id = InstanceId("web-zyxwvu");
    drain.release = 3;
    drain.state = InstanceState::draining;
    drain.text = "draining: 3 requests, 2 websockets, oldest 14 min";
    drain.created = {10'000'000'000 - 7'200'000};
    EXPECT_EQ(
        render_instances({drain, run}, k_plain),
        "INSTANCE    APP   RELEASE  STATE     AGE    RESTARTS  MEMORY  NOTE\n"
        "web-zyxwvu  shop  3        draining  2 h    0         40 MiB  3 requests, 2 websockets, "
        "oldest 14 min\n"
        "web-abcdef  shop  4        running   2 min  0         40 MiB\n");
    EXPECT_EQ(render_instances({}, k_plain), "No instances; a site needs none.\n");
}

TEST(RenderApps, lists_counts_and_url) {
    AppView view{.name = "shop", .state = AppState::running, .release = 2};
    view.processes = {{.name = "web", .kind = ProcessKind::web, .wanted = 3, .ready = 3},
                      {.name = "nightly", .kind = ProcessKind::cron}};
    view.urls = {"http://shop.localhost:8080/"};
    EXPECT_EQ(render_apps({view}, k_plain),
              "APP   STATE    RELEASE  INSTANCES  AGE  URL\n"
              "shop  running  2        web 3/3    -    http://shop.localhost:8080/\n");
}

TEST(RenderApps, prefers_an_url_for_browsers_and_says_what_a_canary_gets) {
    AppView view{.name = "shop", .state = AppState::canary, .release = 2};
    view.urls = {"tcp://127.0.0.1:5432", "http://shop.localhost:8080/"};
    EXPECT_NE(render_apps({view}, k_plain).find("    http://shop.localhost:8080/\n"),
              std::string::npos);
    view.canary = CanarySpec{.share = 20, .header = "X-Canary: yes", .mirror = 5};
    EXPECT_NE(render_app(view, k_plain)
                  .find("canary  release 2 gets 20 % of the clients, requests with X-Canary: yes, "
                        "a copy of 5 % of the others\n"),
              std::string::npos);
    view.urls = {"tcp://127.0.0.1:5432"};
    EXPECT_NE(render_apps({view}, k_plain).find("tcp://127.0.0.1:5432\n"), std::string::npos);
}

TEST(RenderRoutes, say_what_they_ask_of_requests) {
    RouteView plain{.app = AppId("default/shop"), .host = "a.test", .path = "/", .process = "web"};
    plain.origin = RouteOrigin::added;
    plain.url = "http://a.test/";
    auto ruled = plain;
    ruled.host = "b.test";
    ruled.https = Https::both;
    ruled.hsts = days(30);
    ruled.cache = CacheSpec{.ttl = minutes(1)};
    ruled.rate = RateSpec{.client = RateLimit{20, seconds(1), 0}, .route = std::nullopt};
    ruled.users = {"alice", "bob"};
    ruled.forward_auth = ForwardAuthSpec{.process = "auth", .path = "/check", .copy = {}};
    ruled.client_cert = ClientCertNeed::optional;
    RouteView port{.app = AppId("default/shop"), .host = "*", .path = "/", .process = "db"};
    port.listen = "tcp:5432";
    port.problem = "port 5432 is taken";
    port.send_proxy = SendProxy::v2;
    port.idle = minutes(10);
    RouteView lost{.app = AppId("default/shop"), .host = "a.test", .path = "/"};
    lost.problem = "the release has no web process api";
    EXPECT_THAT(render_routes({lost}, k_plain),
                HasSubstr("leads nowhere: the release has no web process api"));
    EXPECT_EQ(render_routes({plain, ruled, port}, k_plain),
              "HOST    PATH      APP   PROCESS  FROM       URL                           RULES\n"
              "a.test  /         shop  web      route add  http://a.test/\n"
              "b.test  /         shop  web      route add  http://a.test/                "
              "https both, hsts 30d, cache 1m, 20/s a client, 2 users, asks auth:/check, client "
              "certificate optional\n"
              "*       tcp:5432  shop  db       moln.toml  not open: port 5432 is taken  "
              "sends PROXY v2, idle 10m\n");
}

TEST(RenderCertificates, of_many_hosts_stay_on_a_screen) {
    CertificateView view{.id = CertificateId("cert-1")};
    for (int i = 0; i < 4; ++i) view.hosts.push_back(std::string(1, static_cast<char>('a' + i)));
    EXPECT_THAT(render_certificates({view}, k_plain), HasSubstr("a, b, c, d  "));
    view.hosts.emplace_back("e");
    view.used_by = view.hosts;
    view.trouble = "refused";
    const auto text = render_certificates({view}, k_plain);
    EXPECT_THAT(text, HasSubstr("a, b, c and 2 more  "));
    EXPECT_THAT(text, HasSubstr("  a, b, c and 2 more\n"));
    EXPECT_THAT(text, HasSubstr("\na, b, c and 2 more: refused"));
    EXPECT_THAT(render_certificate(view, k_plain), HasSubstr("a, b, c, d, e\n"));
}

TEST(RenderApps, counts_a_canary_apart) {
    AppView view{.name = "shop", .state = AppState::canary, .release = 2, .release_served = 1};
    view.processes = {{.name = "web",
                       .kind = ProcessKind::web,
                       .wanted = 2,
                       .ready = 2,
                       .canary_wanted = 2,
                       .canary_ready = 1}};
    view.canary = CanarySpec{.share = 20};
    EXPECT_EQ(render_apps({view}, k_plain),
              "APP   STATE   RELEASE      INSTANCES             AGE  URL\n"
              "shop  canary  1, canary 2  web 2/2 + canary 1/2  -\n");
    EXPECT_THAT(render_app(view, k_plain), HasSubstr("web      web   2/2 + canary 1/2  "));
    StatusView status;
    status.counts = {.apps = 1, .instances_wanted = 2, .instances_ready = 2, .instances_canary = 1};
    EXPECT_THAT(render_status(status, k_plain), HasSubstr("2 of 2 ready, 1 of canaries\n"));
    InstanceView one{.id = InstanceId("web-1"), .app = AppId("default/shop"), .release = 2};
    one.canary = true;
    one.state = InstanceState::running;
    EXPECT_THAT(render_instances({one}, k_plain), HasSubstr("running (canary)"));
    TopView top;
    top.instances = {{.id = one.id, .app = one.app, .canary = true}};
    EXPECT_THAT(render_top(top, k_plain), HasSubstr("running (canary)"));
}

TEST(RenderApps, says_who_serves_a_site) {
    AppView view{.name = "docs", .state = AppState::running, .release = 2};
    view.site = true;
    EXPECT_EQ(render_apps({view}, k_plain),
              "APP   STATE    RELEASE  INSTANCES         AGE  URL\n"
              "docs  running  2        site by the edge  -\n");
    EXPECT_NE(render_app(view, k_plain).find("served by the edge"), std::string::npos);
}

TEST(RenderVolumes, says_what_a_restart_resets) {
    VolumeView view{.id = VolumeId("vol-1"), .app = AppId("default/shop"), .name = "data"};
    view.place = "local disk of node alpha";
    view.path = "/data";
    view.size = gib(1);
    view.used = mib(5);
    view.reset_text = "kept by restarts";
    EXPECT_EQ(render_volumes({view}, k_plain),
              "VOLUME  APP   NAME  LIFETIME  USED   SIZE   COPIES  RESTORE POINT  PLACE           "
              "                    RESET\n"
              "vol-1   shop  data  app       5 MiB  1 GiB  1       none           local disk of "
              "node alpha, at /data  kept by restarts\n");
}

TEST(RenderCache, shows_the_disk_where_there_is_one) {
    CacheView view{.node = NodeId("alpha")};
    view.cache = {.objects = 3, .size = mib(1), .size_max = mib(256), .hits_total = 8};
    const auto memory = render_cache({view}, k_plain);
    EXPECT_EQ(memory.find("ON DISK"), std::string::npos);
    view.cache.disk_objects = 12;
    view.cache.disk_size = mib(40);
    view.cache.disk_size_max = gib(10);
    view.cache.disk_writes_total = 13;
    view.cache.disk_drops_total = 1;
    EXPECT_EQ(render_cache({view}, k_plain),
              memory + "\n" +
                  "NODE   ON DISK  SIZE    OF      HITS  WRITTEN  DROPPED  ERRORS\n"
                  "alpha  12       40 MiB  10 GiB  0     13       1        0\n");
}

TEST(RenderCache, shows_what_was_saved_once_something_was) {
    CacheView view{.node = NodeId("alpha")};
    view.cache = {.objects = 3, .size = mib(1), .size_max = mib(256), .hits_total = 8};
    const auto before = render_cache({view}, k_plain);
    EXPECT_EQ(before.find("SAVED"), std::string::npos);
    view.cache.coded_total = 5;
    view.cache.coded_saved = mib(3);
    view.cache.codings_total = 2;
    EXPECT_EQ(render_cache({view}, k_plain), before +
                                                 "\nNODE   COMPRESSED  SAVED  FORMS MADE\n"
                                                 "alpha  5           3 MiB  2\n");
}

TEST(RenderTop, shows_rates_and_percentiles) {
    TopView view;
    view.apps = {{.app = AppId("default/shop"),
                  .process = "web",
                  .requests_per_s = 12.34,
                  .p50_us = 500,
                  .p99_us = 25'000,
                  .queue_us = 12'000}};
    view.instances = {{.id = InstanceId("web-a"),
                       .app = AppId("default/shop"),
                       .cpu_percent = 7.5,
                       .memory = mib(40),
                       .memory_max = mib(512)}};
    EXPECT_EQ(render_top(view, k_plain),
              "APP   PROCESS  REQ/S  ERR/S  P50     P99    WAITING  QUEUED\n"
              "shop  web      12.3   0.0    500 µs  25 ms  0        12 ms\n"
              "\n"
              "INSTANCE  APP   STATE    CPU    MEMORY  OF       REQ/S  ERR/S  OPEN\n"
              "web-a     shop  running  7.5 %  40 MiB  512 MiB  0.0    0.0    0\n");
}

TEST(RenderTop, shows_routes_and_how_many_are_left_out) {
    TopRoutesView view;
    view.routes = {{.app = AppId("default/shop"),
                    .host = "shop.example",
                    .path = "/api",
                    .requests_per_s = 20,
                    .errors_per_s = 0.5,
                    .p50_us = 500,
                    .p90_us = 5'000,
                    .p99_us = 25'000,
                    .cache_hit_percent = 49.6,
                    .bytes_in_per_s = 12.5,
                    .bytes_out_per_s = 2048},
                   {.app = AppId("other/blog"), .host = "blog.example", .path = "/"},
                   {}};
    const std::string table =
        "ROUTE             APP         REQ/S  ERR/S  P50     P90   P99    CACHED  IN/S  OUT/S\n"
        "shop.example/api  shop        20.0   0.5    500 µs  5 ms  25 ms  50 %    12 B  2 KiB\n"
        "blog.example      other/blog  0.0    0.0    -       -     -      -       0 B   0 B\n"
        "all others        -           0.0    0.0    -       -     -      -       0 B   0 B\n";
    EXPECT_EQ(render_top_routes(view, k_plain), table);
    view.left_out = 1;
    EXPECT_EQ(render_top_routes(view, k_plain),
              table + "and 1 route that had no more requests; --limit shows them\n");
    EXPECT_EQ(render_top_routes({}, k_plain), "No routes.\n");
}

// As the API tells it in the middle of an upgrade.
std::vector<EdgeProcessView> edge_in_an_upgrade() {
    EdgeProcessView serving{.node = NodeId("alpha"), .pid = 4812};
    serving.state = EdgeProcessState::serving;
    serving.epoch_acked = serving.epoch_wanted = 2;
    serving.version_acked = serving.version_wanted = 8;
    serving.connections_open = 128;
    serving.open_text = "12 requests, oldest 2 s";
    serving.listens = {"127.0.0.1:8080", "[::1]:8080"};
    serving.tls_listens = {"127.0.0.1:8443"};
    serving.streams = {{.listen = "tcp:5432", .addresses = {"0.0.0.0:5432"}, .problem = ""},
                       {.listen = "tcp:5433", .addresses = {}, .problem = ""},
                       {.listen = "udp:53", .addresses = {}, .problem = "port 53 is taken"}};
    serving.cache_size = mib(34);
    serving.cache_size_max = mib(256);
    serving.cache_disk_size = gib(2);
    serving.cache_disk_size_max = gib(10);
    EdgeProcessView leaving{.node = NodeId("alpha"), .pid = 4711};
    leaving.state = EdgeProcessState::leaving;
    leaving.epoch_acked = leaving.epoch_wanted = 2;
    leaving.version_acked = 7;
    leaving.version_wanted = 8;
    leaving.connections_open = 2;
    leaving.open_text = "2 websockets, oldest 14 min";
    return {serving, leaving};
}

TEST(RenderEdge, shows_who_serves_where_and_what_the_others_wait_for) {
    EXPECT_EQ(render_edge(edge_in_an_upgrade(), k_plain),
              "NODE   PROCESS  STATE    VERSION  CONNECTIONS  OPEN                         CACHE\n"
              "alpha  4812     serving  8        128          12 requests, oldest 2 s      34 MiB "
              "of 256 MiB, disk 2 GiB of 10 GiB\n"
              "alpha  4711     leaving  7 of 8   2            2 websockets, oldest 14 min  off\n"
              "\n"
              "LISTENS FOR  AT\n"
              "http         127.0.0.1:8080, [::1]:8080\n"
              "https        127.0.0.1:8443\n"
              "tcp:5432     0.0.0.0:5432\n"
              "tcp:5433     being opened\n"
              "udp:53       not open: port 53 is taken\n");
    EXPECT_EQ(render_edge({}, k_plain), "No edge runs on this node.\n");
}

TEST(RenderEdge, says_what_is_not_known_and_what_was_dropped) {
    EdgeProcessView starting{.node = NodeId("alpha"), .pid = 9};
    auto old = edge_in_an_upgrade()[1];
    old.connections_open.reset();
    old.epoch_acked = 1;
    old.log_lines_dropped_total = 3;
    EXPECT_EQ(render_edge({starting, old}, k_plain),
              "NODE   PROCESS  STATE     VERSION  EPOCH  CONNECTIONS  OPEN                         "
              "CACHE\n"
              "alpha  9        starting  -        -      -            -                            "
              "-\n"
              "alpha  4711     leaving   7 of 8   1      -            2 websockets, oldest 14 min  "
              "off\n"
              "warning: process 4711 dropped 3 lines of the access log: its disk was too slow\n");
}

TEST(RenderTrash, says_until_when_it_can_come_back) {
    TrashView view{.id = TrashId("tr-1"), .app = AppId("default/shop"), .what = "a layer"};
    view.size = kib(3);
    view.dropped = {10'000'000'000 - 60'000};
    view.expires = k_plain.now + days(7);
    EXPECT_EQ(render_trash({view}, k_plain),
              "TRASH  APP   WHAT     SIZE   DROPPED    KEPT FOR\n"
              "tr-1   shop  a layer  3 KiB  1 min ago  7 d\n");
}

TEST(RenderPlan, lists_what_would_happen) {
    PlanView view{
        .detected = "Procfile", .effects = {"release 2 is made"}, .warnings = {"careful"}};
    view.config.processes["web"].command = {"/bin/sh", "-c", "node ."};
    EXPECT_EQ(render_plan(view, k_plain),
              "detected  Procfile\n"
              "web       1 × node .\n"
              "warning: careful\n"
              "This would happen:\n"
              "  - release 2 is made\n");
}

TEST(RenderLog, keeps_the_line_as_it_was) {
    ::setenv("TZ", "UTC", 1);
    LogView line{.at = {1'000}, .instance = InstanceId("web-a"), .stream = "stdout"};
    line.text = "\x1b[31mred\x1b[0m";
    EXPECT_EQ(render_log(line, k_plain), "1970-01-01 00:00:01  web-a | \x1b[31mred\x1b[0m\n");
    line.stream = "stderr";
    EXPECT_EQ(render_log(line, k_plain), "1970-01-01 00:00:01  web-a ! \x1b[31mred\x1b[0m\n");
}

TEST(Table, drops_control_characters_and_counts_letters_not_bytes) {
    Table table({"NAME", "X"});
    table.add({"gr\xC3\xB6n", "1"});
    table.add({"a\x1b[2Jb\n", "2"});
    EXPECT_EQ(table.text(k_plain), "NAME   X\ngr\xC3\xB6n   1\na[2Jb  2\n");
}

TEST(Table, has_colours_only_where_they_are_wanted) {
    EXPECT_EQ(paint(k_plain, Colour::bad, "x"), "x");
    EXPECT_EQ(paint({.colours = true}, Colour::bad, "x"), "\x1b[31mx\x1b[0m");
}

TEST(Render, certificates_say_when_they_end_and_who_uses_them) {
    const CertificateView used{.id = CertificateId("cert-a"),
                               .hosts = {"a.org", "*.a.org"},
                               .source = CertificateSource::file,
                               .issuer = "A public\x1b[2J authority",
                               .key_type = "EC P-256",
                               .fingerprint = "f00d",
                               .not_before = {},
                               .not_after = {},
                               .expires_in = days(80),
                               .used_by = {"a.org/"},
                               .created = {},
                               .chain = "-----BEGIN\n"};
    auto ended = used;
    ended.id = CertificateId("cert-b");
    ended.expires_in = Milliseconds{-1};
    ended.used_by.clear();
    EXPECT_EQ(render_certificates({used, ended}, k_plain),
              "CERTIFICATE  HOSTS           SOURCE  ISSUER                 ENDS IN    USED BY\n"
              "cert-a       a.org, *.a.org  file    A public[2J authority  80 d       a.org/\n"
              "cert-b       a.org, *.a.org  file    A public[2J authority  has ended  no route\n");
    const auto one = render_certificate(used, k_plain);
    EXPECT_NE(one.find("SHA-256      f00d\n"), std::string::npos) << one;
    EXPECT_TRUE(one.ends_with("\n\n-----BEGIN\n")) << one;
}

// ---- completion -------------------------------------------------------------------------------

std::vector<std::string> fitting(const std::vector<std::string>& words) {
    return complete(words, [](NameKind kind) -> std::vector<std::string> {
        switch (kind) {
            case NameKind::apps: return {"shop", "blog"};
            case NameKind::instances: return {"web-1", "web-2"};
            case NameKind::processes: return {"web", "worker", "web"};
            case NameKind::certificates: return {"cert-a", "cert-b"};
            case NameKind::routes: return {"a.org", "b.org/api"};
            case NameKind::volumes: return {"vol-1"};
            case NameKind::trash: return {"tr-1", "tr-2"};
        }
        return {};
    });
}

TEST(Complete, verbs_options_and_names) {
    using Words = std::vector<std::string>;
    EXPECT_EQ(fitting({"dep"}), Words({"deploy"}));
    EXPECT_EQ(fitting({"env", ""}), Words({"ls", "set", "unset"}));
    EXPECT_EQ(fitting({"-a", "x", "env", "s"}), Words({"set"}));
    EXPECT_EQ(fitting({"logs", "--app", ""}), Words({"blog", "shop"}));
    EXPECT_EQ(fitting({"logs", "-a", "s"}), Words({"shop"}));
    EXPECT_EQ(fitting({"logs", "--instance", "web-"}), Words({"web-1", "web-2"}));
    EXPECT_EQ(fitting({"shell", ""}), Words({"web-1", "web-2"}));
    EXPECT_EQ(fitting({"scale", "w"}), Words({"web=", "worker="}));
    EXPECT_EQ(fitting({"completion", "z"}), Words({"zsh"}));
    EXPECT_EQ(fitting({"cert", "rm", ""}), Words({"cert-a", "cert-b"}));
    EXPECT_EQ(fitting({"route", "add", "a.org", "--https", ""}),
              Words({"automatic", "both", "redirect"}));
    EXPECT_EQ(fitting({"route", "rm", "b"}), Words({"b.org/api"}));
    EXPECT_EQ(fitting({"route", "add", ""}), Words({}));
    EXPECT_EQ(fitting({"route", "add", "--send-proxy", "v"}), Words({"v1", "v2"}));
    EXPECT_EQ(fitting({"volume", "rm", ""}), Words({"vol-1"}));
    EXPECT_EQ(fitting({"trash", "purge", "tr-1", ""}), Words({"tr-1", "tr-2"}));
    EXPECT_EQ(fitting({"deploy", "--dry"}), Words({"--dry-run"}));
    EXPECT_EQ(fitting({"logs", "--js"}), Words({"--json"}));
    EXPECT_EQ(fitting({"deploy", ""}), Words({}));
    EXPECT_EQ(fitting({"edg"}), Words({"edge"}));
    EXPECT_EQ(fitting({"edge", ""}), Words({"status", "upgrade"}));
    EXPECT_EQ(fitting({"edge", "upgrade", "--w"}), Words({"--wait"}));
    EXPECT_EQ(fitting({"edge", "status", ""}), Words({}));
    EXPECT_EQ(fitting({"top", "--r"}), Words({"--routes"}));
    EXPECT_EQ(fitting({"nonsense", ""}), Words({}));
}

}  // namespace
}  // namespace moln::cli
