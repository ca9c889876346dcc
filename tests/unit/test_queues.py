from imagemill.adapters.queues import send_products
from imagemill.domain.product import ProductMessage
from imagemill.domain.options import ImageOptions

def test_smoke(aws):
    send_products([ProductMessage("j",1,r,5,("http://a/",),ImageOptions()) for r in range(1,24)],"t")
    assert aws.rows_sent() == list(range(1,24))
    assert aws.executions() == []
