"""One view for each kind of answer the tests look at."""

from django.http import (
    Http404,
    HttpResponse,
    HttpResponseNotModified,
    HttpResponseRedirect,
    JsonResponse,
)
from django.template import engines

PAGE = """<!doctype html>
<html lang="{{ LANGUAGE_CODE }}">
<head><meta charset="utf-8"><title>{{ title }}</title></head>
<body>
<h1 id="title">{{ title }}</h1>
<p><a id="next" href="second">Next</a></p>
<form id="language" method="post" action="/i18n/setlang/">{% csrf_token %}
<input type="hidden" name="next" value="/">
<button id="english" name="language" value="en">English</button>
</form>
</body>
</html>
"""


def page(request, title):
    context = {"title": title, "LANGUAGE_CODE": request.LANGUAGE_CODE}
    return HttpResponse(engines["django"].from_string(PAGE).render(context, request))


def home(request):
    return page(request, "Home")


def second(request):
    return page(request, "Second")


def long(request):
    """Its last control stands at the very end."""
    return HttpResponse(
        "<!doctype html><html lang=en><head><title>Long</title></head><body>"
        '<h1>Long</h1><div style="height: 200vh"></div><button id=last>Last</button></body></html>'
    )


def received(request):
    """The Cookie and Cookie-Consent headers of this very request."""
    return JsonResponse(
        {
            "cookie": request.META.get("HTTP_COOKIE", ""),
            "consent": request.META.get("HTTP_COOKIE_CONSENT"),
        }
    )


def redirect(request):
    return HttpResponseRedirect("second")


def conditional(request):
    if request.META.get("HTTP_IF_NONE_MATCH"):
        return HttpResponseNotModified()
    answer = HttpResponse("fresh", content_type="text/plain")
    answer["ETag"] = '"v1"'
    return answer


def missing(request):
    raise Http404


def broken(request):
    raise RuntimeError("broken on purpose")


def framing(request):
    return HttpResponse(
        "<!doctype html><html lang=en><head><title>Framing</title></head>"
        '<body><h1>Framing</h1><iframe src="framed"></iframe></body></html>'
    )


def framed(request):
    return HttpResponse(
        "<!doctype html><html lang=en><head><title>Framed</title></head>"
        "<body><p id=inside>Framed</p></body></html>"
    )


def bare(request):
    return HttpResponse("<!doctype html><title>Bare</title><p id=bare>No tags around.")


def download(request):
    answer = HttpResponse("<!doctype html><html><body>saved</body></html>")
    answer["Content-Disposition"] = 'attachment; filename="page.html"'
    return answer


def data(request):
    return JsonResponse({"html": "<html><body></body></html>"})


def fragment(request):
    return HttpResponse("<p id=fragment>A piece of a page</p>")
