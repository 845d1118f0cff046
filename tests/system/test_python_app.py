"""Python programs of Debian that nobody here wrote, on the machine's own platform: a Django project
with its admin site and a database, behind gunicorn, and the Radicale calendar server."""
import base64
import http.client
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.parse

import apps
from cloud import Cloud, Load

DJANGO_TOML = """\
[process.web]
command = "python3 -m gunicorn --workers 2 --bind 0.0.0.0:$PORT shop.wsgi"
[health]
path = "/admin/login/"
[[volume]]
name = "db"
path = "/data"
"""
RADICALE = {"requirements.txt": "radicale\n", "Procfile":
            "web: python3 -m radicale --hosts 0.0.0.0:$PORT --auth-type none"
            " --storage-filesystem-folder /data\n",
            "moln.toml": '[[volume]]\nname = "calendars"\npath = "/data"\n'}


def django_project():
    parent = pathlib.Path(tempfile.mkdtemp(prefix="moln-app-", dir="/var/tmp"))
    folder = parent / "shop"
    folder.mkdir()
    # Debian's own Python has Django, whatever other Python may come first here.
    subprocess.run(["/usr/bin/python3", "/usr/bin/django-admin", "startproject", "shop", folder],
                   check=True)
    settings = folder / "shop" / "settings.py"
    text = settings.read_text().replace("ALLOWED_HOSTS = []", 'ALLOWED_HOSTS = ["*"]')
    settings.write_text(text.replace("BASE_DIR / 'db.sqlite3'", "'/data/db.sqlite3'"))
    (folder / "requirements.txt").write_text("Django\ngunicorn\n")
    (folder / "moln.toml").write_text(DJANGO_TOML)
    return folder


class PythonApp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = Cloud()
        cls.cloud.up()
        cls.addClassCleanup(cls.cloud.__exit__, None, None, None)

    def log_in(self, user, password):
        """Through the admin's form with its cookie, as a browser does: the status of the answer."""
        line = http.client.HTTPConnection("127.0.0.1", self.cloud.edge_port, timeout=60)
        line.request("GET", "/admin/login/", headers={"Host": "shop.localhost"})
        answer = line.getresponse()
        page = answer.read().decode()
        cookie = answer.getheader("Set-Cookie").split(";")[0]
        token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', page).group(1)
        form = urllib.parse.urlencode({"csrfmiddlewaretoken": token, "username": user,
                                       "password": password, "next": "/admin/"})
        line.request("POST", "/admin/login/", form, {
            "Host": "shop.localhost", "Cookie": cookie,
            "Content-Type": "application/x-www-form-urlencoded"})
        status = line.getresponse().status
        line.close()
        return status

    def test_django_with_its_admin_and_database_runs_behind_gunicorn(self):
        folder = django_project()
        self.addCleanup(shutil.rmtree, folder.parent, ignore_errors=True)
        self.cloud.cli("deploy", folder)
        self.cloud.cli("shell", "--app", "shop", stdin=(
            "cd /app && python3 manage.py migrate -v 0 && DJANGO_SUPERUSER_PASSWORD=secret "
            "python3 manage.py createsuperuser --noinput --username me --email me@example.org\n"))
        self.assertEqual(self.log_in("me", "wrong"), 200)
        self.assertEqual(self.log_in("me", "secret"), 302)
        with Load(self.cloud, "shop.localhost", 2, "/admin/login/") as load:
            load.wait_for(20)
            text = (folder / "shop" / "settings.py").read_text()
            (folder / "shop" / "settings.py").write_text(text + "LANGUAGE_CODE = 'sv'\n")
            self.cloud.cli("deploy", folder)
            load.wait_for(20)
            load.stop()
        self.assertEqual(load.failures, [])
        self.assertIn("Logga in", self.cloud.get("shop.localhost", "/admin/login/")[1])
        self.assertEqual(self.log_in("me", "secret"), 302, "the database came along")

    def test_a_calendar_server_keeps_its_calendars(self):
        self.cloud.cli("deploy", apps.folder(RADICALE, "calendars"))
        host = "calendars.localhost"
        self.assertIn("Radicale", self.cloud.get(host, "/.web/")[1])
        event = ("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\nBEGIN:VEVENT\r\nUID:1\r\n"
                 "DTSTAMP:20261122T120000Z\r\nDTSTART:20261122T120000Z\r\nSUMMARY:Fika\r\n"
                 "END:VEVENT\r\nEND:VCALENDAR\r\n")
        me = {"Authorization": "Basic " + base64.b64encode(b"me:any").decode()}
        self.assertEqual(self.cloud.get(host, "/me/calendar/", "MKCALENDAR", headers=me)[0], 201)
        self.assertEqual(self.cloud.get(host, "/me/calendar/1.ics", "PUT", event,
                                        {"Content-Type": "text/calendar", **me})[0], 201)
        self.cloud.cli("restart", "--app", "calendars")
        self.assertIn("SUMMARY:Fika", self.cloud.get(host, "/me/calendar/1.ics", headers=me)[1])
        self.cloud.cli("rm", "--app", "calendars", "--yes")
        self.assertNotIn("calendars", [app["name"] for app in self.cloud.items("apps")])


if __name__ == "__main__":
    unittest.main(verbosity=2)
